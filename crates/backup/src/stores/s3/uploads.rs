//! `ListMultipartUploads`, which `object_store` does not have.

use std::time::Duration;

use async_trait::async_trait;
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{Error, MultipartId, Result};
use serde::Deserialize;

use super::client::S3;
use crate::stores::{Refusal, UnfinishedUploads};

/// How long a signed request may be on its way.
const VALID: Duration = Duration::from_secs(5 * 60);
/// Pages of up to 1,000 uploads; more means that something else is wrong.
const PAGES: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default)]
    upload: Vec<Upload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
}

#[async_trait]
impl UnfinishedUploads for S3 {
    async fn unfinished(&self, prefix: &Path) -> Result<Vec<(Path, MultipartId)>> {
        let mut found = Vec::new();
        let mut markers = None;
        for _ in 0..PAGES {
            let page = self.page(prefix, markers).await?;
            for upload in page.upload {
                // Not every server looks at the prefix.
                if upload.key.starts_with(prefix.as_ref()) {
                    found.push((Path::parse(upload.key)?, upload.upload_id));
                }
            }
            if !page.is_truncated {
                break;
            }
            markers = Some((page.next_key_marker, page.next_upload_id_marker));
        }
        Ok(found)
    }
}

impl S3 {
    async fn page(&self, prefix: &Path, markers: Option<(String, String)>) -> Result<Page> {
        let mut query = vec![
            ("uploads".to_owned(), String::new()),
            ("prefix".to_owned(), prefix.to_string()),
        ];
        if let Some((key, upload)) = markers {
            query.push(("key-marker".to_owned(), key));
            query.push(("upload-id-marker".to_owned(), upload));
        }
        let options = SignedUrlOptions::default().with_query(query);
        // The bucket itself is the object without a name.
        let url = self
            .inner
            .signed_url_opts(reqwest::Method::GET, &Path::default(), VALID, &options)
            .await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url
            .as_str()
            .parse()
            .map_err(|_| failed("the address of the bucket is none"))?;
        let answer = self.http.execute(request).await.map_err(failed)?;
        let status = answer.status();
        let body = answer.into_body().bytes().await.map_err(failed)?;
        if !status.is_success() {
            return Err(failed(Refusal::new(format!("status {status}"), "")));
        }
        let text = std::str::from_utf8(&body).map_err(failed)?;
        quick_xml::de::from_str(text).map_err(failed)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic {
        store: "S3",
        source: source.into(),
    }
}
