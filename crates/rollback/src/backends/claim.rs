use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// Which service, environment and journal a root belongs to.
///
/// The lease is in the journal, so two configurations that name different journals for one root would not meet at one
/// lease. The root itself says which journal governs it: the first deployment writes it down, and every later one from
/// another journal, environment or service is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    version: u32,
    service: String,
    environment: String,
    journal: String,
}

impl Claim {
    /// A claim for a service in an environment, governed by the journal at that (absolute) place.
    #[must_use]
    pub fn new(
        service: impl Into<String>,
        environment: impl Into<String>,
        journal: impl Into<String>,
    ) -> Self {
        Self {
            version: 1,
            service: service.into(),
            environment: environment.into(),
            journal: journal.into(),
        }
    }

    /// Compares with what `<root>/.ripcord/claim.json` says. A root that nobody claimed is fine.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) when somebody else claimed the root, [`TooNew`](ErrorKind::TooNew),
    /// [`Io`](ErrorKind::Io).
    pub fn check(&self, root: &Path) -> Result<(), Error> {
        let path = root.join(".ripcord").join("claim.json");
        let name = path.display().to_string();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::new("read", name, ErrorKind::Io).with_source(e)),
        };
        let found: Self = serde_json::from_str(&text)
            .map_err(|e| Error::new("read", &name, ErrorKind::Invalid).with_source(e))?;
        if found.version > 1 {
            return Err(Error::new("read", name, ErrorKind::TooNew));
        }
        if found == *self {
            return Ok(());
        }
        Err(Error::new("use", root.display().to_string(), ErrorKind::Invalid).because(format!(
            "it belongs to {}/{} with the journal {}, not to {}/{} with the journal {}; if that is out of date, remove {name}",
            found.service, found.environment, found.journal, self.service, self.environment, self.journal
        )))
    }

    /// Claims the root for good, unless it is claimed already.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn make(&self, root: &Path) -> Result<(), Error> {
        let folder = root.join(".ripcord");
        let failed = |e: io::Error| {
            Error::new("claim", root.display().to_string(), ErrorKind::Io).with_source(e)
        };
        self.check(root)?;
        match fs::create_dir(&folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed(e)),
            _ => {}
        }
        let text = serde_json::to_string(self)
            .map_err(io::Error::other)
            .map_err(failed)?;
        let fresh = folder.join(format!("claim.{}", std::process::id()));
        let mut file = fs::File::create(&fresh).map_err(failed)?;
        writeln!(file, "{text}")
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        // A link never replaces: of two who come at once the second one finds the first one's claim.
        let linked = fs::hard_link(&fresh, folder.join("claim.json"));
        fs::remove_file(&fresh).map_err(failed)?;
        match linked {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => self.check(root),
            Err(e) => Err(failed(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Claim;
    use crate::ErrorKind;

    #[test]
    fn a_root_belongs_to_one_journal() {
        let root = tempfile::tempdir().unwrap();
        let one = Claim::new("shop", "production", "/a/journal.db");
        one.check(root.path()).unwrap();
        one.make(root.path()).unwrap();
        one.make(root.path()).unwrap();
        for other in [
            Claim::new("shop", "production", "/b/journal.db"),
            Claim::new("shop", "staging", "/a/journal.db"),
            Claim::new("blog", "production", "/a/journal.db"),
        ] {
            let error = other.make(root.path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("shop/production"), "{error}");
        }
    }
}
