//! A generic webhook: JSON with a schema number, an idempotency key and a signature.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::http::{Endpoint, HttpClient};
use super::signature::{SIGNATURE_HEADER, sign};
use crate::{Capabilities, Error, Message, Notifier, Receipt, Resend, Secret};

/// Posts each message as JSON (`"schema": 1`).
///
/// The header `Idempotency-Key` carries the message's id. With a secret, the
/// header [`SIGNATURE_HEADER`] signs time and body; receivers check it with
/// [`verify_signature`](super::verify_signature). Any 2xx means accepted.
#[derive(Clone, Debug)]
pub struct Webhook {
    name: String,
    endpoint: Endpoint,
    secret: Option<Secret>,
    resend: Resend,
}

impl Webhook {
    /// A channel called `name` that posts to `url`, unsigned.
    ///
    /// The receiver is taken to honour `Idempotency-Key`, so what may have
    /// arrived is sent again; see [`Webhook::with_resend`].
    ///
    /// # Errors
    /// [`ErrorKind::Setting`](crate::ErrorKind::Setting) when the URL is not an http or https URL.
    pub fn new(name: impl Into<String>, url: &Secret, client: &HttpClient) -> Result<Self, Error> {
        let name = name.into();
        let endpoint = Endpoint::new(&name, url, client)?;
        Ok(Self {
            name,
            endpoint,
            secret: None,
            resend: Resend::Safe,
        })
    }

    /// Signs with this secret.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Says what the receiver does with the same `Idempotency-Key` twice.
    #[must_use]
    pub fn with_resend(mut self, resend: Resend) -> Self {
        self.resend = resend;
        self
    }
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(self.resend)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        let body = payload(message).to_string().into_bytes();
        let mut headers = vec![("idempotency-key", message.id.clone())];
        if let Some(secret) = &self.secret
            && let Some(signature) = sign(secret, &body, Timestamp::now())
        {
            headers.push((SIGNATURE_HEADER, signature));
        }
        let accepted = self.endpoint.post(&self.name, &headers, body).await?;
        let reference = serde_json::from_str::<Value>(&accepted.body)
            .ok()
            .and_then(|j| j.get("id")?.as_str().map(str::to_owned));
        Ok(Receipt::new(reference))
    }
}

fn payload(message: &Message) -> Value {
    let facts: Vec<Value> = message
        .facts
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    json!({
        "schema": 1,
        "id": message.id,
        "topic": message.topic,
        "sequence": message.sequence,
        "severity": message.severity.as_str(),
        "state": message.state.as_str(),
        "title": message.title,
        "text": message.text,
        "facts": facts,
        "at": message.at.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receivers rely on this: a change needs another schema number.
    #[test]
    fn the_body_is_schema_1() {
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        let message = Message::new("d1", 2, "title", at).with_fact("release", "v3");
        let expected = json!({
            "schema": 1, "id": "d1-2", "topic": "d1", "sequence": 2, "severity": "info",
            "state": "progress", "title": "title", "text": "",
            "facts": [{ "name": "release", "value": "v3" }], "at": "2026-11-20T10:00:00Z",
        });
        assert_eq!(payload(&message), expected);
    }
}
