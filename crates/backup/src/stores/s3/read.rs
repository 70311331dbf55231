//! Reading goes on after a dropped connection, however long ago it began: a restore may take its
//! input slowly for hours, and a server drops a connection that it finds idle.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore as _, Result,
};

use super::client::S3;

/// How often in a row reading fails before it is given up; each time the client has tried by its
/// own rules already.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

struct Reading {
    store: S3,
    location: Path,
    options: GetOptions,
    rest: Range<u64>,
    stream: BoxStream<'static, Result<Bytes>>,
    failures: u32,
}

pub(super) fn resuming(
    store: S3,
    location: &Path,
    options: &GetOptions,
    mut result: GetResult,
) -> GetResult {
    let GetResultPayload::Stream(stream) = result.payload else {
        return result;
    };
    if options.head || result.meta.e_tag.is_none() {
        result.payload = GetResultPayload::Stream(stream);
        return result;
    }
    // What is read on has to be the very object.
    let options = GetOptions {
        if_match: result.meta.e_tag.clone(),
        ..options.clone()
    };
    let reading = Reading {
        store,
        location: location.clone(),
        options,
        rest: result.range.clone(),
        stream,
        failures: 0,
    };
    let stream = futures::stream::try_unfold(reading, |mut reading| async move {
        let chunk = reading.next().await?;
        Ok(chunk.map(|chunk| (chunk, reading)))
    });
    result.payload = GetResultPayload::Stream(stream.boxed());
    result
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let error = match self.stream.next().await {
                Some(Ok(chunk)) => {
                    self.rest.start += chunk.len() as u64;
                    self.failures = 0;
                    return Ok(Some(chunk));
                }
                None if self.rest.is_empty() => return Ok(None),
                None => Error::Generic {
                    store: "S3",
                    source: "the answer ended too early".into(),
                },
                Some(Err(error)) => error,
            };
            self.failures += 1;
            if self.failures >= ATTEMPTS {
                return Err(self.store.explain(error));
            }
            tracing::debug!(%error, at = self.rest.start, "reading broke off; going on from there");
            tokio::time::sleep(PAUSE * self.failures).await;
            let options = GetOptions {
                range: Some(GetRange::Bounded(self.rest.clone())),
                ..self.options.clone()
            };
            match self.store.inner.get_opts(&self.location, options).await {
                Ok(result) => self.stream = result.into_stream(),
                Err(error) => return Err(self.store.explain(error)),
            }
        }
    }
}
