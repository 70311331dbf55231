use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::invalid;
use crate::Error;

/// How to reach a bucket.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct S3Options {
    /// The bucket's name.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// `http://` or `https://`, host and port; `None` for AWS itself. Only an endpoint that says
    /// `http` is ever spoken to without TLS.
    pub endpoint: Option<String>,
    /// Where the bucket's name goes.
    pub addressing: Addressing,
    /// Who we are.
    pub credentials: S3Credentials,
    /// Certificates to trust beside the system's, as PEM.
    pub root_certificates_pem: Vec<u8>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long the store may take to swallow one part and answer, or be silent while it is read.
    pub answer_timeout: Duration,
    /// How often a request is repeated when the store does not answer, or says that it is busy.
    pub retries: usize,
    /// How long after the first attempt of a request it is still repeated.
    pub retry_for: Duration,
    /// Bytes in a part, 5 MiB to 5 GiB. The largest archive is 10,000 parts, an upload takes five
    /// parts of memory: 8 MiB, the default, make 78 GiB and 40 MiB; 64 MiB make 625 GiB and
    /// 320 MiB. S3 itself ends at 5 TiB, some of its kind earlier. All parts but the last are of
    /// one size, as R2 demands.
    pub part_size: usize,
}

/// Where the bucket's name goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`, which every server knows.
    Path,
    /// `https://bucket.host/key`.
    VirtualHost,
}

/// Who we are.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum S3Credentials {
    /// A fixed key, with a session token when it is a temporary one.
    Key {
        /// The key's id.
        id: String,
        /// The key.
        secret: Secret,
        /// The token that a temporary key comes with.
        session_token: Option<Secret>,
    },
    /// What the surroundings give: the caller hands in the `AWS_…` variables that it has, and the
    /// first of these that is there counts: a key, a web identity (IRSA), a container's role
    /// (ECS, EKS), the machine's role. Variables about anything else, such as an endpoint, are
    /// ignored.
    Ambient(BTreeMap<String, Secret>),
    /// Nobody: requests are not signed.
    Anonymous,
}

/// A credential. `Debug` shows `***`; there is no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Whether the endpoint speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl S3Options {
    /// A bucket on AWS, in `us-east-1`, with the machine's role.
    #[must_use]
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            addressing: Addressing::Path,
            credentials: S3Credentials::Ambient(BTreeMap::new()),
            root_certificates_pem: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(2 * 60),
            retries: 8,
            retry_for: Duration::from_secs(3 * 60),
            part_size: 8 * 1024 * 1024,
        }
    }

    pub(super) fn scheme(&self) -> Scheme {
        match &self.endpoint {
            Some(endpoint) if endpoint.starts_with("http://") => Scheme::Http,
            _ => Scheme::Https,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let name = self.bucket.as_bytes();
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
        if !(3..=255).contains(&name.len()) || !name.iter().all(fits) {
            return Err(invalid(
                "a bucket's name has 3 to 255 letters, digits, dots, hyphens or underscores",
            ));
        }
        if self.region.is_empty() {
            return Err(invalid("the region is empty"));
        }
        Ok(())
    }

    /// The endpoint as the client wants it: with the bucket in the host, if that is where it goes.
    pub(super) fn endpoint_of_bucket(&self) -> Result<Option<String>, Error> {
        let Some(endpoint) = &self.endpoint else {
            return Ok(None);
        };
        // Never in the error: somebody may have put credentials in.
        let wrong =
            || invalid("the endpoint must be http:// or https://, a host and perhaps a port");
        let url = reqwest::Url::parse(endpoint).map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let endpoint = endpoint.trim_end_matches('/');
        if self.addressing == Addressing::Path {
            return Ok(Some(endpoint.to_owned()));
        }
        let with_bucket = format!("://{}.{host}", self.bucket);
        Ok(Some(endpoint.replacen(
            &format!("://{host}"),
            &with_bucket,
            1,
        )))
    }
}

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, for the one place that must send it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_secret() {
        let mut options = S3Options::new("shop");
        options.credentials = S3Credentials::Key {
            id: "key".to_owned(),
            secret: "hunter2".into(),
            session_token: Some("hunter2".into()),
        };
        assert!(!format!("{options:?}").contains("hunter2"));
        let ambient = BTreeMap::from([("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter2".into())]);
        options.credentials = S3Credentials::Ambient(ambient);
        assert!(!format!("{options:?}").contains("hunter2"));
        assert!(!format!("{:?}", super::super::s3(options)).contains("hunter2"));
        let mut options = S3Options::new("shop");
        options.endpoint = Some("https://me:hunter2@host".to_owned());
        let error = super::super::s3(options).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn the_bucket_goes_where_it_should() {
        let mut options = S3Options::new("shop");
        assert_eq!(options.endpoint_of_bucket().unwrap(), None);
        options.endpoint = Some("http://localhost:9000/".to_owned());
        let endpoint = options.endpoint_of_bucket().unwrap();
        assert_eq!(endpoint.as_deref(), Some("http://localhost:9000"));
        options.addressing = Addressing::VirtualHost;
        let endpoint = options.endpoint_of_bucket().unwrap();
        assert_eq!(endpoint.as_deref(), Some("http://shop.localhost:9000"));
        for bad in ["localhost:9000", "ftp://host", "https://", "https://host?x"] {
            options.endpoint = Some(bad.to_owned());
            assert!(options.endpoint_of_bucket().is_err(), "{bad}");
        }
    }
}
