use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// A store in memory that fills up: after so many bytes every write fails, as on a full disk,
/// until it is given room again. It can also stop answering.
#[derive(Debug)]
pub struct FaultyStore {
    inner: InMemory,
    room: Arc<AtomicI64>,
    down: Arc<AtomicBool>,
}

/// Whether a [`FaultyStore`] answers at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

impl FaultyStore {
    /// A store with room for so many bytes.
    #[must_use]
    pub fn with_room(bytes: i64) -> Self {
        Self {
            inner: InMemory::new(),
            room: Arc::new(AtomicI64::new(bytes)),
            down: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Takes the store away, or brings it back.
    pub fn set_link(&self, link: Link) {
        self.down.store(link == Link::Down, Ordering::SeqCst);
    }

    fn reach(&self) -> Result<()> {
        if self.down.load(Ordering::SeqCst) {
            return Err(failed(std::io::ErrorKind::NotConnected));
        }
        Ok(())
    }

    /// From now on there is room for so many bytes more.
    pub fn set_room(&self, bytes: i64) {
        self.room.store(bytes, Ordering::SeqCst);
    }
}

fn take(room: &AtomicI64, bytes: usize) -> Result<()> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    if room.fetch_sub(bytes, Ordering::SeqCst) >= bytes {
        return Ok(());
    }
    Err(failed(std::io::ErrorKind::StorageFull))
}

fn failed(kind: std::io::ErrorKind) -> object_store::Error {
    object_store::Error::Generic {
        store: "FaultyStore",
        source: Box::new(std::io::Error::from(kind)),
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty store")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.reach()?;
        take(&self.room, payload.content_length())?;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.reach()?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        let room = Arc::clone(&self.room);
        Ok(Box::new(FaultyUpload { inner, room }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.reach()?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.reach()?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if let Err(error) = self.reach() {
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.reach() {
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.reach() {
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reach()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.reach()?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.reach()?;
        self.inner.rename_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    room: Arc<AtomicI64>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match take(&self.room, data.content_length()) {
            Ok(()) => self.inner.put_part(data),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
