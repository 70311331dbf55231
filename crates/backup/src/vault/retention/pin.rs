use jiff::Timestamp;
use object_store::PutMode;
use serde::{Deserialize, Serialize};

use crate::vault::keep::{KEEP, MANIFEST, Vault};
use crate::{BackupId, Error, ErrorKind};

const SCHEMA: u32 = 1;

/// Says that a backup has to stay.
#[derive(Debug, Serialize, Deserialize)]
struct Pin {
    schema: u32,
    reason: String,
    at: Timestamp,
}

impl Vault {
    /// Keeps a backup from being pruned until it is unpinned, for example while the deployment that
    /// made it can still be rolled back. Another pin's reason is replaced.
    ///
    /// # Errors
    /// `InvalidInput` when the reason is not one line of plain text; `NotFound` when the backup is
    /// not published; `StoreUnreachable`, `Store`.
    pub async fn pin(&self, id: &BackupId, reason: &str) -> Result<(), Error> {
        if reason.chars().any(char::is_control) {
            let subject = format!("backup {id}");
            let detail = "a reason is one line, without control characters";
            return Err(Error::new("pin", subject, ErrorKind::InvalidInput, detail));
        }
        if !self.exists(&self.path(id, MANIFEST)).await? {
            let subject = format!("backup {id}");
            return Err(Error::new("pin", subject, ErrorKind::NotFound, ""));
        }
        let pin = Pin {
            schema: SCHEMA,
            reason: reason.to_owned(),
            at: self.clock.now(),
        };
        let bytes = serde_json::to_vec_pretty(&pin).map_err(|source| {
            Error::new("write", "a pin", ErrorKind::InvalidInput, "").with_source(source)
        })?;
        self.put(&self.path(id, KEEP), bytes, PutMode::Overwrite)
            .await
    }

    /// Lets a backup go; that it is not pinned, or not there, is fine.
    ///
    /// # Errors
    /// `StoreUnreachable`, `Store`.
    pub async fn unpin(&self, id: &BackupId) -> Result<(), Error> {
        self.delete(&self.path(id, KEEP)).await
    }

    /// Why a backup has to stay, if it has to.
    ///
    /// # Errors
    /// `StoreUnreachable`, `Store`.
    pub async fn pinned(&self, id: &BackupId) -> Result<Option<String>, Error> {
        match self.get(&self.path(id, KEEP)).await {
            Ok(bytes) => {
                let pin: Option<Pin> = serde_json::from_slice(&bytes).ok();
                // A pin that says nothing to us still says no.
                let reason = pin.map_or("for a reason that cannot be read".to_owned(), |pin| {
                    pin.reason
                });
                Ok(Some(reason))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some(error.chain())),
            Err(error) => Err(error),
        }
    }
}
