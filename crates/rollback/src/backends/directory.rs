use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::backend::{Backend, Witness};
use crate::managers::ServiceManager;
use crate::run::Run;
use crate::{Error, ErrorKind, Observed, Release, Running};

/// How long a service may go on answering after everything was told to stop.
const SILENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Releases as folders: `<root>/releases/<id>`, with the symlink `<root>/current` saying which one runs.
///
/// `current` is switched by rename, so it always points somewhere. Which release *runs* is proved by the service's own
/// answer, through the [`Witness`]; the link only says which one should.
#[derive(Debug)]
pub struct DirectoryBackend {
    service: String,
    root: PathBuf,
    manager: Arc<dyn ServiceManager>,
    witness: Arc<dyn Witness>,
}

impl DirectoryBackend {
    /// A backend for `service` with its releases below `root`.
    #[must_use]
    pub fn new(
        service: impl Into<String>,
        root: PathBuf,
        manager: Arc<dyn ServiceManager>,
        witness: Arc<dyn Witness>,
    ) -> Self {
        Self {
            service: service.into(),
            root,
            manager,
            witness,
        }
    }

    /// Where a release's files are.
    #[must_use]
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join("releases").join(id)
    }

    fn current(&self) -> PathBuf {
        self.root.join("current")
    }

    fn release(&self, id: &str) -> Release {
        Release::single(id, &self.service, self.folder(id).display().to_string())
    }

    fn desired(&self) -> Result<Option<Release>, Error> {
        let link = self.current();
        let wrong = |why: &str| {
            Error::new("read", link.display().to_string(), ErrorKind::State).because(why.to_owned())
        };
        let target = match fs::read_link(&link) {
            Ok(target) => target,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                return Err(wrong("it is not a symlink to releases/<id>"));
            }
            Err(e) => {
                return Err(
                    Error::new("read", link.display().to_string(), ErrorKind::Io).with_source(e),
                );
            }
        };
        let absolute = self.root.join(&target);
        if absolute.parent() != Some(self.root.join("releases").as_path()) {
            return Err(wrong("it does not point to releases/<id>"));
        }
        let id = absolute
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| wrong("it does not point to releases/<id>"))?;
        Ok(Some(self.release(id)))
    }

    fn point_at(&self, id: &str) -> Result<(), Error> {
        let fail = |e: io::Error| {
            Error::new(
                "switch",
                self.current().display().to_string(),
                ErrorKind::Io,
            )
            .with_source(e)
        };
        let fresh = self.root.join(".current.new");
        match fs::remove_file(&fresh) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(fail(e)),
        }
        symlink(Path::new("releases").join(id), &fresh).map_err(fail)?;
        fs::rename(&fresh, self.current()).map_err(fail)?;
        fs::File::open(&self.root)
            .and_then(|root| root.sync_all())
            .map_err(fail)
    }

    /// Where it stands which release was started to the end, its last writer included.
    fn started(&self) -> PathBuf {
        self.root.join(".ripcord").join("started")
    }

    fn write_started(&self, id: &str) -> Result<(), Error> {
        let path = self.started();
        let failed = |e: io::Error| {
            Error::new("write", path.display().to_string(), ErrorKind::Io).with_source(e)
        };
        let folder = self.root.join(".ripcord");
        fs::create_dir_all(&folder).map_err(failed)?;
        let fresh = folder.join("started.new");
        fs::write(&fresh, id)
            .and_then(|()| fs::File::open(&fresh)?.sync_all())
            .and_then(|()| fs::rename(&fresh, &path))
            .and_then(|()| fs::File::open(&folder)?.sync_all())
            .map_err(failed)
    }

    /// Whether `release` was started to the end and has not gone since.
    async fn is_complete(&self, release: &Release) -> Result<bool, Error> {
        let started = fs::read_to_string(self.started()).unwrap_or_default();
        if started != release.id || self.desired()?.as_ref() != Some(release) {
            return Ok(false);
        }
        let folder = self.folder(&release.id);
        if self.manager.hopeless(release, &folder).await.is_some() {
            return Ok(false);
        }
        Ok(match self.witness.running().await {
            Running::Proved { release: id } => id == release.id,
            // It may still boot.
            Running::Unknown { .. } => self.manager.is_alive(release).await,
        })
    }

    /// Stops everything and waits until nobody answers: a supervisor may still be draining what it stops.
    async fn stop(&self, run: &Run) -> Result<(), Error> {
        match fs::remove_file(self.started()) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                return Err(Error::new(
                    "remove",
                    self.started().display().to_string(),
                    ErrorKind::Io,
                )
                .with_source(e));
            }
        }
        self.manager.stop(&self.current(), run).await?;
        let deadline = Instant::now() + SILENCE;
        loop {
            let Running::Proved { release } = self.witness.running().await else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                return Err(
                    Error::new("stop", &self.service, ErrorKind::State).because(format!(
                        "the stop command returned, but {release} still answers"
                    )),
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn exists(&self, release: &Release) -> Result<(), Error> {
        let folder = self.folder(&release.id);
        let found = fs::symlink_metadata(&folder);
        let missing = |why: &str| {
            Error::new(
                "find",
                format!("release {}", release.label),
                ErrorKind::NotFound,
            )
            .because(format!("{} {why}", folder.display()))
        };
        match found {
            Ok(meta) if meta.is_dir() => Ok(()),
            Ok(_) => Err(missing("is not a folder")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(missing("does not exist")),
            Err(e) => {
                Err(Error::new("read", folder.display().to_string(), ErrorKind::Io).with_source(e))
            }
        }
    }
}

/// A release's name is a folder's name and goes into headers and messages.
fn check_label(label: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if label.is_empty()
        || label.len() > 128
        || label.starts_with(['.', '-'])
        || !label.chars().all(plain)
    {
        return Err(
            Error::new("find", format!("release {label:?}"), ErrorKind::Invalid).because(
                "a release is named with letters, digits and . _ - +, and begins with none of . -",
            ),
        );
    }
    Ok(())
}

#[async_trait]
impl Backend for DirectoryBackend {
    fn name(&self) -> &'static str {
        "directory"
    }

    async fn resolve(&self, label: &str) -> Result<Release, Error> {
        check_label(label)?;
        let release = self.release(label);
        self.exists(&release)?;
        Ok(release)
    }

    async fn observe(&self) -> Result<Observed, Error> {
        Ok(Observed {
            desired: self.desired()?,
            running: self.witness.running().await,
        })
    }

    async fn prepare(&self, release: &Release, _run: &Run) -> Result<(), Error> {
        self.exists(release)?;
        self.manager.check(&self.folder(&release.id)).await
    }

    async fn activate(&self, release: &Release, run: &Run) -> Result<(), Error> {
        self.exists(release)?;
        if self.is_complete(release).await? {
            return Ok(());
        }
        self.stop(run).await?;
        self.point_at(&release.id)?;
        self.manager.start(release, &self.current(), run).await?;
        self.write_started(&release.id)
    }

    async fn quiesce(&self, run: &Run) -> Result<(), Error> {
        self.stop(run).await
    }

    async fn clear(&self, run: &Run) -> Result<(), Error> {
        self.stop(run).await?;
        match fs::remove_file(self.current()) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::new(
                "remove",
                self.current().display().to_string(),
                ErrorKind::Io,
            )
            .with_source(e)),
        }
    }

    async fn hopeless(&self, release: &Release) -> Option<String> {
        self.manager
            .hopeless(release, &self.folder(&release.id))
            .await
    }

    async fn discard(&self, release: &Release) -> Result<(), Error> {
        check_label(&release.id)?;
        if self.desired()?.as_ref() == Some(release) {
            return Err(Error::new(
                "discard",
                format!("release {}", release.id),
                ErrorKind::State,
            )
            .because("it is the current one"));
        }
        // Out of the way first: half a release must not be found.
        let gone = self
            .root
            .join("releases")
            .join(format!(".discarded-{}", release.id));
        let failed = |e: io::Error| {
            Error::new("discard", format!("release {}", release.id), ErrorKind::Io).with_source(e)
        };
        for removed in [
            fs::rename(self.folder(&release.id), &gone),
            fs::remove_dir_all(&gone),
        ] {
            match removed {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
                _ => {}
            }
        }
        Ok(())
    }
}
