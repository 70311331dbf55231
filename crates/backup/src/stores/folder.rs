mod guard;
mod reading;
mod staging;
mod walk;

use std::fmt;
use std::fs::{File, Permissions};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result, UploadPart,
};

use super::store::{Leftovers, Room, Store};
use crate::{Error, ErrorKind};

pub(crate) use guard::Foreign;
use staging::Existing;

/// As errors of the local file system are called.
const STORE: &str = "LocalFileSystem";

/// A store in a local folder. The folder is made if it is missing, with mode 0700; files get mode
/// 0600 before anything is written to them, or before anybody can know their name; files and
/// folders are synced before a write counts as done.
///
/// Only folders and regular files in it count. A link, a pipe or a device is neither opened, nor
/// followed, nor deleted: where one takes the place of a file, reading that file is an error.
///
/// # Errors
/// `Store` when the folder cannot be made or used.
pub fn folder(root: &FsPath) -> std::result::Result<Store, Error> {
    let failed = |detail: String| {
        Error::new(
            "open",
            format!("the store {}", root.display()),
            ErrorKind::Store,
            detail,
        )
    };
    if !root.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(|error| failed(error.to_string()))?;
    }
    let root = root
        .canonicalize()
        .map_err(|error| failed(error.to_string()))?;
    let inner = LocalFileSystem::new_with_prefix(&root)
        .map_err(|error| failed(error.to_string()))?
        .with_automatic_cleanup(true)
        .with_fsync(true);
    let folder = Arc::new(Folder {
        inner: Arc::new(inner),
        root,
    });
    Ok(Store::from(Arc::clone(&folder))
        .with_room(Arc::clone(&folder) as Arc<dyn Room>)
        .with_leftovers(folder))
}

#[derive(Clone, Debug)]
struct Folder {
    inner: Arc<LocalFileSystem>,
    root: PathBuf,
}

impl Folder {
    fn fs_path(&self, path: &Path) -> Result<PathBuf> {
        self.inner.path_to_filesystem(path)
    }

    /// The path of something that is a file, or not there.
    fn file(&self, path: &Path) -> Result<PathBuf> {
        let file = self.fs_path(path)?;
        guard::expect_file(&self.root, &file)?;
        Ok(file)
    }
}

impl Room for Folder {
    fn free(&self) -> std::io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl Leftovers for Folder {
    fn clear(&self, folder: &Path) -> std::io::Result<()> {
        let folder = self.root.join(folder.as_ref());
        guard::expect_folders(&self.root, &folder.join("in it")).map_err(std::io::Error::other)?;
        staging::clear(&self.root, &folder)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "folder {}", self.root.display())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Folder {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let existing = match opts.mode {
            PutMode::Create => Existing::Refuse,
            PutMode::Overwrite => Existing::Replace,
            PutMode::Update(_) => return Err(not_known("an update of a known version")),
        };
        if !opts.attributes.is_empty() {
            return Err(not_known("attributes"));
        }
        let (root, file) = (self.root.clone(), self.fs_path(location)?);
        blocking(move || staging::put(&root, &file, &payload, existing)).await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: Default::default(),
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let file = self.file(location)?;
        staging::make_parents(&self.root, &file).map_err(io_error)?;
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        // The file exists by now and is still empty.
        let mut held = Vec::new();
        for staged in staging::staged(&file).map_err(io_error)? {
            private(&staged)?;
            held.extend(staging::hold(&staged));
        }
        let held = held.into_iter().map(|file| Arc::new(Mutex::new(file)));
        Ok(Box::new(Upload {
            inner: upload,
            held: held.collect(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.file(location)?;
        let mut found = self.inner.get_opts(location, options).await?;
        found.payload = match found.payload {
            GetResultPayload::File(file, _) => {
                GetResultPayload::Stream(reading::pieces(file, found.range.clone()))
            }
            streamed @ GetResultPayload::Stream(_) => streamed,
        };
        Ok(found)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.file(location)?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let folder = self.clone();
        // A killed upload leaves its staging file, which the store itself does not know by name.
        let locations = locations.map(move |location| {
            let location = location?;
            let file = folder.file(&location)?;
            for staged in staging::staged(&file).map_err(io_error)? {
                std::fs::remove_file(staged).map_err(io_error)?;
            }
            Ok(location)
        });
        self.inner.delete_stream(locations.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (root, prefix) = (self.root.clone(), prefix.cloned().unwrap_or_default());
        let found = blocking(move || walk::files(&root, &prefix));
        futures::stream::once(found)
            .map_ok(|found| futures::stream::iter(found.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        self.list(prefix)
            .try_filter(move |meta| futures::future::ready(meta.location > offset))
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let (root, prefix) = (self.root.clone(), prefix.cloned().unwrap_or_default());
        blocking(move || walk::level(&root, &prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.file(from)?;
        self.file(to)?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.file(from)?;
        self.file(to)?;
        self.inner.rename_opts(from, to, options).await
    }
}

/// An upload whose file is locked as long as somebody may write to it.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    held: Vec<Arc<Mutex<File>>>,
}

impl Upload {
    /// Lets the disk work while the next parts are made, so that little is left to wait for in the
    /// end. What fails here fails once more when the upload is completed: each handle of a file is
    /// told for itself.
    fn flush_early(held: &[Arc<Mutex<File>>]) {
        for file in held {
            let file = Arc::clone(file);
            tokio::task::spawn_blocking(move || {
                if let Ok(file) = file.try_lock()
                    && let Err(error) = file.sync_data()
                {
                    tracing::debug!(%error, "could not flush a part early");
                }
            });
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.inner.put_part(data);
        let held = self.held.clone();
        Box::pin(async move {
            part.await?;
            Self::flush_early(&held);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io_error(std::io::Error::other(error))),
    }
}

fn private(file: &FsPath) -> Result<()> {
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(io_error)
}

fn not_known(operation: &str) -> object_store::Error {
    object_store::Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "a folder".to_owned(),
    }
}

fn io_error(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: STORE,
        source: Box::new(error),
    }
}
