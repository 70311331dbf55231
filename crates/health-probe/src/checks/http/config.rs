//! What to send and what to expect.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::Secret;

/// Settings of an [`HttpCheck`](super::HttpCheck). The default is a GET that must answer 200
/// within 10 s.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The method. No body is sent.
    pub method: Method,
    /// From the start to the last byte, the login included.
    pub timeout: Duration,
    /// Sent with the request. Values are taken for secrets.
    pub headers: Vec<(String, Secret)>,
    /// Logs in first.
    pub login: Option<Login>,
    /// What the answer must be.
    pub expect: HttpExpect,
    /// Where the answer says which release it comes from.
    pub release: Option<Origin>,
    /// Where the answer says which instance it comes from.
    pub instance: Option<Origin>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            method: Method::Get,
            timeout: Duration::from_secs(10),
            headers: Vec::new(),
            login: None,
            expect: HttpExpect::default(),
            release: None,
            instance: None,
        }
    }
}

/// What an answer must be. All of it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct HttpExpect {
    /// The status. 200 by default.
    pub status: u16,
    /// JSON paths (RFC 9535) and the value each must have. A path that finds several values wants
    /// all of them equal; one that finds none does not match.
    pub json: BTreeMap<String, Value>,
    /// Text the body must contain.
    pub body_contains: Option<String>,
    /// Headers and their exact values.
    pub headers: BTreeMap<String, String>,
    /// The slowest answer that is still good, without the login.
    pub within: Option<Duration>,
    /// With `https`: how much longer the server's certificate must be valid.
    pub certificate_for: Option<Duration>,
}

impl Default for HttpExpect {
    fn default() -> Self {
        Self {
            status: 200,
            json: BTreeMap::new(),
            body_contains: None,
            headers: BTreeMap::new(),
            within: None,
            certificate_for: None,
        }
    }
}

/// Where in an answer something stands.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A response header, such as `X-Release`.
    Header(String),
    /// A JSON path (RFC 9535) to a string or a number.
    Json(String),
}

/// The method of a check: those without side effects, and POST for services that want it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// POST, with an empty body.
    Post,
}

impl Method {
    pub(super) fn to_reqwest(self) -> reqwest::Method {
        match self {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Options => reqwest::Method::OPTIONS,
            Method::Post => reqwest::Method::POST,
        }
    }
}

/// A bearer login: POST the credentials, take the token from the answer, call with it.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Login {
    /// Where to log in.
    pub url: Secret,
    /// The JSON document to post.
    pub credentials: Secret,
    /// The JSON path (RFC 9535) of the token in the answer.
    pub token: String,
}

impl Login {
    /// Posts `credentials` (a JSON document) to `url` and takes the token at the JSON path `token`.
    pub fn new(
        url: impl Into<Secret>,
        credentials: impl Into<Secret>,
        token: impl Into<String>,
    ) -> Self {
        Self {
            url: url.into(),
            credentials: credentials.into(),
            token: token.into(),
        }
    }
}
