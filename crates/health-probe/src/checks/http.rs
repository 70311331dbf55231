//! An HTTP endpoint: status, content, latency, and which release answered.

mod answer;
mod certificate;
mod client;
mod config;
mod login;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};
use url::Url;

use self::answer::{Answer, Expectations};
pub use self::client::HttpClient;
use self::client::{Fetched, failed};
pub use self::config::{HttpConfig, HttpExpect, Login, Method, Origin};
use self::login::PreparedLogin;
use crate::{CheckResult, Error, ErrorKind, HealthCheck, Reason};

/// Asks an HTTP endpoint over a fresh connection and compares the answer.
///
/// Redirects are not followed, no proxy is taken from the environment, at most
/// 1 MiB of the body is read.
#[derive(Clone)]
pub struct HttpCheck {
    name: String,
    url: Url,
    client: HttpClient,
    method: Method,
    timeout: Duration,
    headers: HeaderMap,
    login: Option<PreparedLogin>,
    expectations: Expectations,
}

impl HttpCheck {
    /// A check called `name` of `url`, which may carry credentials: it is never shown.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] for a URL that is not http or https, [`ErrorKind::Setting`] for a
    /// status, header or JSON path that does not parse.
    pub fn new(
        name: impl Into<String>,
        url: &str,
        config: HttpConfig,
        client: &HttpClient,
    ) -> Result<Self, Error> {
        let name = name.into();
        let subject = format!("http check `{name}`");
        let url = parse_url(&subject, url)?;
        let mut headers = HeaderMap::new();
        for (key, value) in &config.headers {
            let bad = || {
                let operation = format!("header `{}` is not valid", key.escape_default());
                Error::new(&subject, operation, ErrorKind::Setting)
            };
            let header = HeaderName::from_bytes(key.as_bytes()).map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(header, value);
        }
        let login = config
            .login
            .as_ref()
            .map(|l| PreparedLogin::new(&subject, l))
            .transpose()?;
        Ok(Self {
            url,
            client: client.clone(),
            method: config.method,
            timeout: config.timeout,
            headers,
            login,
            expectations: Expectations::new(&subject, &config)?,
            name,
        })
    }

    async fn ask(&self) -> CheckResult {
        let mut headers = self.headers.clone();
        if let Some(login) = &self.login {
            match login.token(&self.client).await {
                Ok(bearer) => {
                    headers.insert(AUTHORIZATION, bearer);
                }
                Err((reason, detail)) => return CheckResult::fail(&self.name, reason, detail),
            }
        }
        let asked = Instant::now();
        let request = self
            .client
            .request(self.method.to_reqwest(), self.url.clone())
            .headers(headers);
        match Fetched::from(request).await {
            Ok(fetched) => {
                let answer = Answer::new(&self.name, &self.expectations, &fetched);
                answer.judge(asked.elapsed())
            }
            Err(error) => failed(&self.name, &error),
        }
    }
}

/// Only what is no credential: the origin of the URL without user, path and query.
impl fmt::Debug for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCheck")
            .field("name", &self.name)
            .field("origin", &self.url.origin().ascii_serialization())
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HealthCheck for HttpCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let started = Instant::now();
        let result = timeout(self.timeout, self.ask()).await.unwrap_or_else(|_| {
            let detail = format!("no complete answer within {:?}", self.timeout);
            CheckResult::fail(&self.name, Reason::Timeout, detail)
        });
        result.with_took(started.elapsed())
    }
}

fn parse_url(subject: &str, url: &str) -> Result<Url, Error> {
    let bad = |operation| Error::new(subject, operation, ErrorKind::Address);
    let url = Url::parse(url).map_err(|_| bad("the URL does not parse"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad("the URL is not http or https"));
    }
    Ok(url)
}
