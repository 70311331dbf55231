//! What is written down about an upload, so that somebody else can end it.

use jiff::Timestamp;
use object_store::path::Path;
use object_store::{MultipartId, PutMode};
use serde::{Deserialize, Serialize};

use crate::vault::keep::Vault;
use crate::{BackupId, Error, ErrorKind};

const SCHEMA: u32 = 1;
/// Follows the name of the file that is uploaded.
const SUFFIX: &str = ".UPLOAD";

/// Lies beside the backup from before the first part until the file is there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    schema: u32,
    file: String,
    /// As the store calls it; with S3 what `aws s3api abort-multipart-upload` wants.
    upload: MultipartId,
    at: Timestamp,
}

impl Note {
    pub(super) fn new(file: &str, upload: MultipartId, at: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            file: file.to_owned(),
            upload,
            at,
        }
    }
}

impl Vault {
    pub(super) async fn note_upload(&self, id: &BackupId, note: &Note) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(note).map_err(|source| {
            Error::new("write", "an upload's note", ErrorKind::InvalidInput, "").with_source(source)
        })?;
        let path = self.path(id, &format!("{}{SUFFIX}", note.file));
        self.put(&path, bytes, PutMode::Create).await
    }

    /// After the file is there, or its upload was aborted: the note goes, and so do uploads of it
    /// that were begun by a request whose answer was lost.
    pub(super) async fn forget_upload(&self, id: &BackupId, file: &str) -> Result<(), Error> {
        self.end_unnoted(&self.path(id, file)).await;
        let note = self.path(id, &format!("{file}{SUFFIX}"));
        self.delete(&note).await
    }

    /// Ends an upload whose name is known.
    pub(super) async fn end_upload(
        &self,
        id: &BackupId,
        file: &str,
        upload: &MultipartId,
    ) -> Result<(), Error> {
        let path = self.path(id, file);
        // A file that is there was completed, and then there is no upload any more; some servers
        // call it forbidden to abort what is not there.
        if let Some(store) = &self.store.multipart
            && !self.exists(&path).await?
        {
            match store.abort_multipart(&path, upload).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(Error::store("abort", path.to_string(), source)),
            }
        }
        self.forget_upload(id, file).await
    }

    /// Ends every upload of a backup's files.
    pub(in crate::vault) async fn end_uploads(&self, id: &BackupId) -> Result<(), Error> {
        if self.store.multipart.is_none() {
            return Ok(());
        }
        let folder = self.root().join(id.as_str());
        for path in self.files(&folder).await? {
            if let Some(file) = path.filename().and_then(|name| name.strip_suffix(SUFFIX)) {
                let note = read(&path, &self.get(&path).await?)?;
                self.end_upload(id, file, &note.upload).await?;
            }
        }
        self.end_unnoted(&folder).await;
        Ok(())
    }

    /// Ends uploads that nobody could note. A store that does not list them has rules of its own
    /// for what is old; that is no reason to fail.
    async fn end_unnoted(&self, prefix: &Path) {
        let (Some(store), Some(listing)) = (&self.store.multipart, &self.store.listing) else {
            return;
        };
        let found = match listing.unfinished(prefix).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%prefix, %error, "could not list unfinished uploads");
                return;
            }
        };
        for (path, upload) in found {
            if !path.prefix_matches(prefix) {
                continue;
            }
            match store.abort_multipart(&path, &upload).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    tracing::warn!(%path, %error, "could not end an unfinished upload");
                }
            }
        }
    }
}

fn read(path: &Path, bytes: &[u8]) -> Result<Note, Error> {
    let unreadable = |source: serde_json::Error| {
        let detail = "it is no note of an upload";
        Error::new("read", path.to_string(), ErrorKind::Corrupt, detail).with_source(source)
    };
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let version: Version = serde_json::from_slice(bytes).map_err(unreadable)?;
    if version.schema > SCHEMA {
        let detail = "a newer program wrote it";
        return Err(Error::new(
            "read",
            path.to_string(),
            ErrorKind::NewerSchema,
            detail,
        ));
    }
    serde_json::from_slice(bytes).map_err(unreadable)
}
