use std::fmt;
use std::fs::Permissions;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use super::store::{Room, Store};
use crate::{Error, ErrorKind};

/// A store in a local folder. The folder is made if it is missing, with mode 0700; files get mode
/// 0600 before anything is written to them, or before anybody can know their name; files and
/// folders are synced before a write counts as done.
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
    Ok(Store::from(Arc::clone(&folder)).with_room(folder))
}

#[derive(Debug)]
struct Folder {
    inner: Arc<LocalFileSystem>,
    root: PathBuf,
}

impl Folder {
    fn fs_path(&self, path: &Path) -> Result<PathBuf> {
        self.inner.path_to_filesystem(path)
    }

    /// Keeps others out of the folders on the way to a file.
    fn private_parents(&self, path: &Path) -> Result<()> {
        let file = self.fs_path(path)?;
        if let Some(parent) = file.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(io_error)?;
        }
        Ok(())
    }

    /// The files `name#1` and so on, that hold an upload until it is complete.
    fn staged(&self, path: &Path) -> Result<Vec<PathBuf>> {
        staged(&self.fs_path(path)?)
    }
}

impl Room for Folder {
    fn free(&self) -> std::io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
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
        self.private_parents(location)?;
        let result = self.inner.put_opts(location, payload, opts).await?;
        private(&self.fs_path(location)?)?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.private_parents(location)?;
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        // The file exists by now and is still empty.
        for file in self.staged(location)? {
            private(&file)?;
        }
        Ok(upload)
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        // A killed upload leaves its staging file, which the store itself does not know by name.
        let locations = locations.map(move |location| {
            let location = location?;
            for file in staged(&inner.path_to_filesystem(&location)?)? {
                std::fs::remove_file(file).map_err(io_error)?;
            }
            Ok(location)
        });
        self.inner.delete_stream(locations.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

fn staged(file: &FsPath) -> Result<Vec<PathBuf>> {
    let (Some(parent), Some(name)) = (file.parent(), file.file_name().and_then(|n| n.to_str()))
    else {
        return Ok(Vec::new());
    };
    let prefix = format!("{name}#");
    let entries = match std::fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(error)),
    };
    Ok(entries
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(&prefix))
        })
        .map(|entry| entry.path())
        .collect())
}

fn private(file: &FsPath) -> Result<()> {
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(io_error)
}

fn io_error(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(error),
    }
}
