//! Posting a message, and what the answer means. Nothing here ever shows a URL.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::secret::clean;
use crate::{Error, ErrorKind, Secret};

/// How much of an answer is read.
const MAX_BODY: usize = 16 * 1024;
/// Nobody is left alone for longer than this, whatever they ask for.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// The HTTP client of the webhook channels; cheap to clone, made once.
///
/// rustls with ring and the system's roots, no redirects (a message must not
/// be carried elsewhere), no proxy from the environment.
#[derive(Clone, Debug)]
pub struct HttpClient(Client);

impl HttpClient {
    /// Reads the system's root certificates.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] when the TLS client cannot be set up.
    pub fn new() -> Result<Self, Error> {
        let setting = || Error::new("over HTTP", "set up the TLS client", ErrorKind::Setting);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| setting().with_source(e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10))
            .build()
            .map(Self)
            .map_err(|e| setting().with_source(e.without_url()))
    }
}

/// Where messages go. The URL is the credential, so there is no `Display` and an empty `Debug`.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Url,
    client: Client,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// An answer with status 2xx.
pub(super) struct Accepted {
    pub(super) body: String,
    pub(super) retry_after: Option<Duration>,
}

impl Endpoint {
    pub(super) fn new(name: &str, url: &Secret, client: &HttpClient) -> Result<Self, Error> {
        let bad = |why| Error::new(name, why, ErrorKind::Setting);
        let url = Url::parse(url.reveal()).map_err(|_| bad("the URL does not parse"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad("the URL is not http or https"));
        }
        Ok(Self {
            url,
            client: client.0.clone(),
        })
    }

    /// Posts once. Any status other than 2xx is an error of the right kind.
    pub(super) async fn post(
        &self,
        name: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Accepted, Error> {
        let mut map = HeaderMap::new();
        for (key, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| {
                Error::new(
                    name,
                    format!("header {key} is not valid"),
                    ErrorKind::Rejected,
                )
            })?;
            map.insert(HeaderName::from_static(key), value);
        }
        let sent = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .headers(map)
            .body(body)
            .send()
            .await;
        let response = sent.map_err(|e| transport_error(name, e))?;
        let status = response.status().as_u16();
        let header = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| retry_after(v, Timestamp::now()));
        let body = read_body(response).await;
        let retry_after = header.or_else(|| body_retry_after(&body));
        let kind = match status {
            200..=299 => return Ok(Accepted { body, retry_after }),
            429 => ErrorKind::RateLimited,
            408 | 425 | 500..=599 => ErrorKind::Peer,
            _ => ErrorKind::Rejected,
        };
        let mut operation = format!("answered {status}");
        let echo = self.echo(&body);
        if !echo.is_empty() {
            operation.push_str(&format!(" ({echo})"));
        }
        let error = Error::new(name, operation, kind);
        Err(match retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }

    /// The peer's own words, made safe: capped, one line, and without any part of our URL, because
    /// error pages like to repeat the path.
    pub(super) fn echo(&self, body: &str) -> String {
        let mut text = body.replace(self.url.as_str(), "***");
        text = text.replace(
            self.url.path(),
            if self.url.path() == "/" { "/" } else { "***" },
        );
        let query = self.url.query().unwrap_or_default();
        // As they stand in the URL, and as a peer shows them after decoding.
        let raw = query.split(['&', '=', '%']).chain([query]);
        let raw = raw.chain(self.url.path().split('%'));
        let segments = self.url.path_segments().into_iter().flatten();
        let parts = segments
            .chain(raw)
            .map(str::to_owned)
            .chain(self.url.query_pairs().flat_map(|(_, v)| {
                let words = v.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                words.into_iter().chain([v.into_owned()])
            }))
            .chain(self.credentials());
        for part in parts.filter(|p| p.len() >= 6) {
            text = text.replace(&part, "***");
        }
        clean(&text, 120)
    }
}

impl Endpoint {
    /// User and password in every form in which a peer may show them: as in the URL, decoded, and as the header that
    /// carries them.
    fn credentials(&self) -> Vec<String> {
        let raw = [self.url.username(), self.url.password().unwrap_or_default()];
        let plain = raw.map(|text| {
            let decoded: Vec<(String, String)> =
                url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
                    .into_owned()
                    .collect();
            decoded.into_iter().map(|(k, v)| k + &v).collect::<String>()
        });
        let header = base64(format!("{}:{}", plain[0], plain[1]).as_bytes());
        raw.map(str::to_owned)
            .into_iter()
            .chain(plain)
            .chain([header])
            .collect()
    }
}

/// Standard base64 without padding: enough to find a header's value in a text.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            let index = word >> (18 - 6 * at) & 63;
            text.extend(LETTERS.get(index as usize).map(|b| char::from(*b)));
        }
    }
    text
}

fn transport_error(name: &str, error: reqwest::Error) -> Error {
    let (operation, kind) = if error.is_connect() {
        ("no connection", ErrorKind::Unreachable)
    } else if error.is_builder() {
        ("the request is not valid", ErrorKind::Rejected)
    } else if error.is_timeout() {
        ("no answer in time", ErrorKind::Ambiguous)
    } else {
        (
            "the connection broke before the answer",
            ErrorKind::Ambiguous,
        )
    };
    Error::new(name, operation, kind).with_source(error.without_url())
}

/// The status is known by now; a body that breaks off is read as far as it goes.
async fn read_body(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < MAX_BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(MAX_BODY);
    String::from_utf8_lossy(&body).into_owned()
}

/// `Retry-After` as seconds (also fractions, which some send) or as an HTTP date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return seconds_duration(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let wait = date.timestamp().as_second() - now.as_second();
    seconds_duration(wait.max(0) as f64)
}

/// `{"retry_after": 1.5}`, in seconds.
fn body_retry_after(body: &str) -> Option<Duration> {
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    seconds_duration(json.get("retry_after")?.as_f64()?)
}

fn seconds_duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|d| d.min(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_all_its_spellings() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        let seconds = |s| Some(Duration::from_secs_f64(s));
        assert_eq!(retry_after("30", now), seconds(30.0));
        assert_eq!(retry_after(" 1.5 ", now), seconds(1.5));
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now),
            seconds(60.0)
        );
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now),
            seconds(0.0)
        );
        assert_eq!(retry_after("99999999999", now), Some(MAX_PAUSE));
        for bad in ["-1", "soon", "", "NaN", "inf"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
        assert_eq!(body_retry_after(r#"{"retry_after":0.25}"#), seconds(0.25));
        assert_eq!(body_retry_after("ok"), None);
    }

    #[test]
    fn an_echo_carries_no_part_of_the_url() {
        let client = HttpClient::new().unwrap();
        let url = Secret::new(
            "https://user77:pass77@hooks.test/services/TSECRET1/BSECRET2/xyzSECRET3?key=qSECRET4%20tSECRET5",
        );
        let endpoint = Endpoint::new("team", &url, &client).unwrap();
        let body = format!(
            "{}\u{1b}[2J\n Cannot POST /services/TSECRET1 xyzSECRET3 qSECRET4 tSECRET5 pass77 user77 \
             ?key=qSECRET4%20tSECRET5 Basic dXNlcjc3OnBhc3M3Nw==",
            url.reveal()
        );
        let echo = endpoint.echo(&body);
        assert!(!echo.contains("SECRET") && !echo.contains("77"), "{echo}");
        let basic = endpoint.echo("Authorization: Basic dXNlcjc3OnBhc3M3Nw==");
        assert!(!basic.contains("dXNlcjc3"), "{basic}");
        let query = endpoint.echo("Cannot GET /?key=qSECRET4%20tSECRET5");
        assert!(!query.contains("SECRET"), "{query}");
        assert!(
            !echo.contains('\u{1b}') && echo.contains("Cannot POST"),
            "{echo}"
        );
        assert!(endpoint.echo(&"x".repeat(5000)).chars().count() <= 121);
        assert_eq!(format!("{endpoint:?}"), "***");
    }
}
