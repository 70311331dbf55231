//! One client, its answers and its failures. No URL gets out of here.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use reqwest::{Client, Method, RequestBuilder};
use rustls::CertificateError;
use url::Url;

use crate::checks::net::{io_reason, unresolved};
use crate::{CheckResult, Error, ErrorKind, Reason, tls};

/// As much of a body as is read.
const MAX_BODY: usize = 1 << 20;

/// The HTTP client of the checks; cheap to clone, made once.
///
/// rustls with ring and the system's roots. Every request opens a connection
/// of its own, so that an answer comes from whoever listens now.
#[derive(Clone, Debug)]
pub struct HttpClient(Client);

impl HttpClient {
    /// A client that trusts the system's root certificates.
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] when the TLS client cannot be set up.
    pub fn new() -> Result<Self, Error> {
        Self::with_extra_roots(b"")
    }

    /// A client that trusts these root certificates (PEM) too.
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] when they do not parse.
    pub fn with_extra_roots(pem: &[u8]) -> Result<Self, Error> {
        Client::builder()
            .tls_backend_preconfigured(tls::client_config(pem)?)
            .redirect(Policy::none())
            .no_proxy()
            .tls_info(true)
            .pool_max_idle_per_host(0)
            // Checks have shorter deadlines of their own; this one only separates
            // "nobody there" from "no answer" on a black-holed address.
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map(Self)
            .map_err(|e| {
                Error::new("the HTTP client", "build it", ErrorKind::Tls)
                    .with_source(e.without_url())
            })
    }

    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.0.request(method, url)
    }
}

/// A whole answer.
pub(super) struct Fetched {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) truncated: bool,
    /// The server's certificate, DER.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Fetched {
    pub(super) async fn from(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let mut response = request.send().await?;
        let mut body = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                body.truncate(MAX_BODY);
                truncated = true;
                break;
            }
        }
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            certificate: response
                .extensions()
                .get::<TlsInfo>()
                .and_then(TlsInfo::peer_certificate)
                .map(<[u8]>::to_vec),
            body,
            truncated,
        })
    }
}

/// What it means that there was no answer.
pub(super) fn failed(name: &str, error: &reqwest::Error) -> CheckResult {
    let reason = transport_reason(error);
    if reason == Reason::Dns {
        return unresolved(name);
    }
    let detail = match reason {
        Reason::ConnectRefused => "connection refused",
        Reason::ConnectTimeout => "no connection in time",
        Reason::Unreachable => "no route to the host",
        Reason::Tls => tls_detail(error),
        Reason::Protocol => "the connection broke before the answer was complete",
        Reason::Timeout => "no answer in time",
        _ => "no answer",
    };
    CheckResult::fail(name, reason, detail)
}

pub(super) fn transport_reason(error: &reqwest::Error) -> Reason {
    if error.is_dns() {
        return Reason::Dns;
    }
    let io = causes(error).find_map(|e| e.downcast_ref::<io::Error>());
    if causes(error).any(|e| e.is::<rustls::Error>()) || io.is_some_and(wraps_rustls) {
        return Reason::Tls;
    }
    if error.is_connect() {
        return match io.map(|e| io_reason(innermost(e))) {
            Some(Reason::Unknown) | None if error.is_timeout() => Reason::ConnectTimeout,
            Some(reason) => reason,
            None => Reason::Unknown,
        };
    }
    if error.is_timeout() {
        return Reason::Timeout;
    }
    Reason::Protocol
}

fn tls_detail(error: &reqwest::Error) -> &'static str {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    let rustls = causes(error).find_map(|e| {
        let io = e.downcast_ref::<io::Error>();
        let inner = io.and_then(|io| innermost(io).get_ref()?.downcast_ref::<rustls::Error>());
        inner.or_else(|| e.downcast_ref::<rustls::Error>())
    });
    match rustls {
        Some(rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. })) => {
            "the certificate has expired"
        }
        Some(rustls::Error::InvalidCertificate(
            NotValidForName | NotValidForNameContext { .. },
        )) => "the certificate is for another name",
        Some(rustls::Error::InvalidCertificate(UnknownIssuer)) => {
            "the certificate's issuer is not trusted"
        }
        _ => "the TLS handshake failed",
    }
}

/// I/O errors are wrapped in I/O errors, and `source` looks through them all at once.
fn innermost(error: &io::Error) -> &io::Error {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<io::Error>())
        .map_or(error, innermost)
}

fn wraps_rustls(error: &io::Error) -> bool {
    innermost(error)
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&e| e.source())
}
