use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    MultipartId, MultipartUpload, ObjectStoreExt as _, PutMode, PutPayload, Result as StoreResult,
};
use tokio::task::{JoinError, JoinSet};

use super::note::Note;
use super::{AT_ONCE, MOST_PARTS, failed};
use crate::vault::keep::Vault;
use crate::{BackupId, Error, ErrorKind};

/// The parts of a file, sent and on their way.
pub(super) struct Parts {
    vault: Vault,
    id: BackupId,
    file: String,
    path: Path,
    target: Target,
    /// On their way: what came out, by number.
    sending: JoinSet<(usize, StoreResult<Option<PartId>>)>,
    sent: BTreeMap<usize, PartId>,
    next: usize,
    bytes: u64,
}

/// Where the parts go.
enum Target {
    /// Nowhere yet, and perhaps never: a small file needs no parts.
    None,
    /// An upload that outlives this process.
    Named(Arc<dyn MultipartStore>, MultipartId),
    /// An upload that does not.
    Held(Box<dyn MultipartUpload>),
    /// It is a file now, or was aborted.
    Ended,
}

impl Parts {
    pub(super) fn new(vault: Vault, id: BackupId, file: &str) -> Self {
        let path = vault.path(&id, file);
        Self {
            vault,
            id,
            file: file.to_owned(),
            path,
            target: Target::None,
            sending: JoinSet::new(),
            sent: BTreeMap::new(),
            next: 0,
            bytes: 0,
        }
    }

    /// Sends a part; returns as soon as it is on its way.
    pub(super) async fn send(&mut self, part: Bytes) -> Result<(), Error> {
        if matches!(self.target, Target::None) {
            self.begin().await?;
        }
        if self.next >= MOST_PARTS {
            let most = self.vault.largest_file();
            return Err(Error::new(
                "write",
                self.path.to_string(),
                ErrorKind::InvalidInput,
                format!("it has more than {MOST_PARTS} parts, {most} bytes"),
            )
            .with_help("use a larger part size"));
        }
        while self.sending.len() >= AT_ONCE {
            self.one_arrives().await?;
        }
        let number = self.next;
        self.next += 1;
        self.bytes += part.len() as u64;
        let payload = PutPayload::from(part);
        match &mut self.target {
            Target::Named(store, upload) => {
                let (store, path, upload) = (Arc::clone(store), self.path.clone(), upload.clone());
                self.sending.spawn(async move {
                    let part = store.put_part(&path, &upload, number, payload).await;
                    (number, part.map(Some))
                });
            }
            Target::Held(upload) => {
                let part = upload.put_part(payload);
                self.sending
                    .spawn(async move { (number, part.await.map(|()| None)) });
            }
            Target::None | Target::Ended => return Err(self.over()),
        }
        Ok(())
    }

    /// Sends the last bytes and makes the file.
    pub(super) async fn finish(&mut self, last: Bytes) -> Result<(), Error> {
        if matches!(self.target, Target::None) {
            self.vault
                .put(&self.path, last.into(), PutMode::Create)
                .await?;
            self.target = Target::Ended;
            return Ok(());
        }
        if !last.is_empty() {
            self.send(last).await?;
        }
        while !self.sending.is_empty() {
            self.one_arrives().await?;
        }
        let completed = match &mut self.target {
            Target::Named(store, upload) => {
                let parts = self.sent.values().cloned().collect();
                let completed = store.complete_multipart(&self.path, upload, parts).await;
                match completed {
                    Ok(_) => Ok(()),
                    // The answer to an earlier attempt may be all that was lost. The name is
                    // nobody else's, and what is stored is read back before anybody relies on it.
                    Err(error) => match self.vault.length(&self.path).await {
                        Ok(Some(length)) if length == self.bytes => Ok(()),
                        _ => Err(error),
                    },
                }
            }
            Target::Held(upload) => upload.complete().await.map(drop),
            Target::None | Target::Ended => return Err(self.over()),
        };
        completed.map_err(|source| failed(&self.path, source))?;
        let named = matches!(self.target, Target::Named(..));
        self.target = Target::Ended;
        if named {
            self.vault.forget_upload(&self.id, &self.file).await?;
        }
        Ok(())
    }

    /// Stops what is on its way and drops what has arrived.
    pub(super) async fn abort(&mut self) -> Result<(), Error> {
        self.sending.shutdown().await;
        match std::mem::replace(&mut self.target, Target::Ended) {
            Target::Named(_, upload) => self.vault.end_upload(&self.id, &self.file, &upload).await,
            Target::Held(mut upload) => upload
                .abort()
                .await
                .map_err(|source| Error::store("abort", self.path.to_string(), source)),
            Target::None | Target::Ended => Ok(()),
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        let Some(store) = self.vault.store.multipart.clone() else {
            let upload = self.vault.store.put_multipart(&self.path).await;
            let upload = upload.map_err(|source| failed(&self.path, source))?;
            self.target = Target::Held(upload);
            return Ok(());
        };
        let upload = store.create_multipart(&self.path).await;
        let upload = upload.map_err(|source| failed(&self.path, source))?;
        self.target = Target::Named(store, upload.clone());
        // Before the first part: from here on somebody pays for what is not cleaned up.
        let note = Note::new(&self.file, upload, self.vault.clock.now());
        self.vault.note_upload(&self.id, &note).await
    }

    async fn one_arrives(&mut self) -> Result<(), Error> {
        match self.sending.join_next().await {
            Some(Ok((number, Ok(part)))) => {
                if let Some(part) = part {
                    self.sent.insert(number, part);
                }
                Ok(())
            }
            Some(Ok((_, Err(source)))) => Err(failed(&self.path, source)),
            Some(Err(stopped)) => Err(self.stopped(stopped)),
            None => Ok(()),
        }
    }

    fn stopped(&self, stopped: JoinError) -> Error {
        let detail = "a part was stopped on its way";
        Error::new("write", self.path.to_string(), ErrorKind::Store, detail).with_source(stopped)
    }

    fn over(&self) -> Error {
        let detail = "the upload has ended";
        Error::new("write", self.path.to_string(), ErrorKind::Store, detail)
    }
}
