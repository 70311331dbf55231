//! S3, and what speaks its language.

mod client;
mod explain;
mod http;
mod options;
mod read;
mod uploads;

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{BackoffConfig, RetryConfig};

pub use options::{Addressing, S3Credentials, S3Options, Secret};

use self::client::S3;
use self::http::Connector;
use super::{PartSize, Store};
use crate::{Error, ErrorKind};

/// A store in an S3 bucket. Nothing is sent before the store is used.
///
/// The bucket has to exist. The user needs `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject`,
/// `s3:ListBucket` and `s3:AbortMultipartUpload`; with `s3:ListBucketMultipartUploads` an upload
/// is ended too whose id never arrived here, and without it a lifecycle rule should do that.
///
/// A lost answer is not taken for a failure: what is written carries a mark by which a repeated
/// request recognises its own work, so that creating conditionally stays exact. The server has to
/// honour `If-None-Match: *` for it, as AWS S3, R2, MinIO and Ceph do. One that ignores it lets
/// two writers of one name overwrite each other; names of backups are random, so what is lost is
/// only that a manifest can never be written twice.
///
/// # Errors
/// `InvalidInput` when an option cannot be used.
pub fn s3(options: S3Options) -> Result<Store, Error> {
    options.check()?;
    PartSize::new(options.part_size as u64)?;
    let connector = Connector::new(&options)?;
    let client = connector.client(options.scheme())?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&options.bucket)
        .with_region(&options.region)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // One request per object is what every server knows.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: options.retries,
            retry_timeout: options.retry_for,
        })
        .with_allow_http(options.scheme() == options::Scheme::Http)
        .with_virtual_hosted_style_request(options.addressing == Addressing::VirtualHost)
        .with_http_connector(connector);
    if let Some(endpoint) = options.endpoint_of_bucket()? {
        builder = builder.with_endpoint(endpoint);
    }
    builder = match &options.credentials {
        S3Credentials::Key {
            id,
            secret,
            session_token,
        } => {
            builder = builder
                .with_access_key_id(id)
                .with_secret_access_key(secret.reveal());
            match session_token {
                Some(token) => builder.with_token(token.reveal()),
                None => builder,
            }
        }
        S3Credentials::Ambient(values) => {
            for (name, value) in values {
                if let Some(key) = credential_key(name) {
                    builder = builder.with_config(key, value.reveal());
                }
            }
            builder
        }
        S3Credentials::Anonymous => builder.with_skip_signature(true),
    };
    let inner = builder.build().map_err(|source| {
        invalid("the client cannot be set up from the options").with_source(source)
    })?;
    let store = Arc::new(S3 {
        inner,
        http: client,
        bucket: options.bucket,
        patience: options.retry_for,
    });
    Ok(Store::new(store.clone())
        .with_multipart(store.clone())
        .with_listing(store)
        .with_part_size(options.part_size))
}

/// Names that say who we are. Everything else, such as an endpoint, is an option, so that nothing
/// in an environment redirects a backup.
fn credential_key(name: &str) -> Option<AmazonS3ConfigKey> {
    let name = name.to_ascii_lowercase();
    let known = [
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_web_identity_token_file",
        "aws_role_arn",
        "aws_role_session_name",
        "aws_container_credentials_relative_uri",
        "aws_container_credentials_full_uri",
        "aws_container_authorization_token_file",
    ];
    known
        .contains(&name.as_str())
        .then(|| name.parse().ok())
        .flatten()
}

fn invalid(detail: &str) -> Error {
    Error::new("open", "the S3 store", ErrorKind::InvalidInput, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_credential_is_known_to_the_client() {
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_ARN",
            "AWS_ROLE_SESSION_NAME",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ] {
            assert!(credential_key(name).is_some(), "{name}");
        }
        for name in ["AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "PATH"] {
            assert!(credential_key(name).is_none(), "{name}");
        }
    }
}
