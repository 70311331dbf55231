use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3;
use object_store::client::HttpClient;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attribute, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, RenameOptions, Result,
};

use super::explain::{explain, is_unanswered};
use super::read;

/// How often a request whose answer was lost is made.
const ATTEMPTS: u32 = 4;
/// Until the second time; twice as long before each one after it.
const PAUSE: Duration = Duration::from_millis(200);
/// The name, as metadata, of what a write recognises its own work by.
const MARK: &str = "ripcord-write";

/// `AmazonS3`, which says clearly what it was refused, and which repeats a request whose answer
/// was lost also where the client below does not dare to, because there it can find out whether
/// the first one was carried out.
#[derive(Clone, Debug)]
pub(super) struct S3 {
    pub(super) inner: AmazonS3,
    pub(super) http: HttpClient,
    pub(super) bucket: String,
    /// How long after its first attempt a request is still repeated.
    pub(super) patience: Duration,
}

impl S3 {
    pub(super) fn explain(&self, error: Error) -> Error {
        explain(&self.bucket, error)
    }

    /// For what may be done twice.
    async fn repeat<T, F: Future<Output = Result<T>>>(
        &self,
        mut request: impl FnMut() -> F,
    ) -> Result<T> {
        let begun = Instant::now();
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Once more in any case: a large part may have been on its way for long.
            let again = attempt == 1 || begun.elapsed() < self.patience;
            if attempt == ATTEMPTS || !again || !is_unanswered(&error) {
                return Err(self.explain(error));
            }
            tracing::debug!(%error, "an answer was lost; asking again");
            tokio::time::sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// Creates an object unless there is one, exactly: the answer "there is one" is true also when
    /// it is this request that made it and the answer to its first attempt was lost.
    async fn create(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let mark = format!("{:032x}", rand::random::<u128>());
        let name = Attribute::Metadata(MARK.into());
        options.attributes.insert(name.clone(), mark.clone().into());
        let put = || {
            self.inner
                .put_opts(location, payload.clone(), options.clone())
        };
        let exists = match self.repeat(put).await {
            Err(error @ Error::AlreadyExists { .. }) => error,
            answer => return answer,
        };
        let head = GetOptions::new().with_head(true);
        let found = self.inner.get_opts(location, head).await;
        match found {
            Ok(found)
                if found.attributes.get(&name).map(|found| found.as_ref()) == Some(&*mark) =>
            {
                Ok(PutResult {
                    e_tag: found.meta.e_tag,
                    version: found.meta.version,
                    extensions: found.extensions,
                })
            }
            _ => Err(exists),
        }
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3 bucket {}", self.bucket)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for S3 {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.create(location, payload, options).await,
            PutMode::Overwrite => {
                let put = || {
                    self.inner
                        .put_opts(location, payload.clone(), options.clone())
                };
                self.repeat(put).await
            }
            PutMode::Update(_) => self
                .inner
                .put_opts(location, payload, options)
                .await
                .map_err(|error| self.explain(error)),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner
            .put_multipart_opts(location, options)
            .await
            .map_err(|error| self.explain(error))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let get = || self.inner.get_opts(location, options.clone());
        let result = self.repeat(get).await?;
        Ok(read::resuming(self.clone(), location, &options, result))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.repeat(|| self.inner.get_ranges(location, ranges))
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .and_then(move |location| {
                let store = store.clone();
                async move {
                    // What is gone already is answered like what is gone now.
                    store.repeat(|| store.inner.delete(&location)).await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        self.inner
            .list(prefix)
            .map_err(move |error| store.explain(error))
            .boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        self.inner
            .list_with_offset(prefix, offset)
            .map_err(move |error| store.explain(error))
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.repeat(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner
            .copy_opts(from, to, options)
            .await
            .map_err(|error| self.explain(error))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner
            .rename_opts(from, to, options)
            .await
            .map_err(|error| self.explain(error))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartStore for S3 {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.repeat(|| self.inner.create_multipart(path)).await
    }

    async fn create_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<MultipartId> {
        self.repeat(|| self.inner.create_multipart_opts(path, options.clone()))
            .await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.repeat(|| self.inner.put_part(path, id, index, data.clone()))
            .await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.repeat(|| self.inner.complete_multipart(path, id, parts.clone()))
            .await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.repeat(|| self.inner.abort_multipart(path, id)).await
    }
}
