//! The call before the call.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use serde_json_path::JsonPath;
use url::Url;

use super::answer::json_path;
use super::client::{Fetched, HttpClient, transport_reason};
use super::config::Login;
use super::parse_url;
use crate::{Error, Reason, Secret};

/// A login with everything parsed. No `Debug`: all of it is credentials.
#[derive(Clone)]
pub(super) struct PreparedLogin {
    url: Url,
    credentials: Secret,
    token: JsonPath,
}

impl PreparedLogin {
    pub(super) fn new(subject: &str, login: &Login) -> Result<Self, Error> {
        Ok(Self {
            url: parse_url(&format!("{subject}, login"), login.url.reveal())?,
            credentials: login.credentials.clone(),
            token: json_path(subject, &login.token)?,
        })
    }

    /// `Bearer <token>`, or why there is none.
    pub(super) async fn token(&self, client: &HttpClient) -> Result<HeaderValue, (Reason, String)> {
        let request = client
            .request(Method::POST, self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(self.credentials.reveal().to_owned());
        let answer = Fetched::from(request)
            .await
            .map_err(|e| (transport_reason(&e), "no answer to the login".to_owned()))?;
        match answer.status {
            200..=299 => {}
            400 | 401 | 403 | 422 => {
                let detail = format!("the login was refused with status {}", answer.status);
                return Err((Reason::Auth, detail));
            }
            status => {
                let detail = format!("the login answered status {status}");
                return Err((Reason::HttpStatus, detail));
            }
        }
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let token = json
            .as_ref()
            .and_then(|j| self.token.query(j).exactly_one().ok()?.as_str());
        let header = token.and_then(|t| HeaderValue::from_str(&format!("Bearer {t}")).ok());
        let Some(mut header) = header else {
            return Err((
                Reason::BodyMismatch,
                "the login's answer has no token".to_owned(),
            ));
        };
        header.set_sensitive(true);
        Ok(header)
    }
}
