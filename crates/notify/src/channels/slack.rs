//! Slack incoming webhooks, and whatever speaks the same (Mattermost, Rocket.Chat, Discord's `/slack`).

use async_trait::async_trait;
use serde_json::{Value, json};

use super::http::{Accepted, Endpoint, HttpClient};
use crate::{
    Capabilities, Error, ErrorKind, Message, Notifier, Receipt, Resend, Secret, Severity, State,
};

/// Slack shows this much of one text.
const MAX_TEXT: usize = 3_000;
const MAX_TITLE: usize = 300;
const MAX_FACT: usize = 500;
const MAX_FACTS: usize = 20;

/// Posts to a Slack incoming webhook, coloured by severity.
///
/// The URL is the credential. A webhook cannot change what it posted and does
/// not know our ids, so a message that may have arrived is not sent again.
#[derive(Clone, Debug)]
pub struct Slack {
    name: String,
    endpoint: Endpoint,
}

impl Slack {
    /// A channel called `name` that posts to the webhook at `url`.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] when the URL is not an http or https URL.
    pub fn new(name: impl Into<String>, url: &Secret, client: &HttpClient) -> Result<Self, Error> {
        let name = name.into();
        let endpoint = Endpoint::new(&name, url, client)?;
        Ok(Self { name, endpoint })
    }

    /// Status 200 alone means nothing here: the body says whether it was posted.
    fn judge(&self, accepted: &Accepted) -> Result<Receipt, Error> {
        let body = accepted.body.trim();
        let json: Option<Value> = serde_json::from_str(body).ok();
        match json.as_ref().and_then(|j| j.get("ok")?.as_bool()) {
            Some(true) => return Ok(Receipt::default()),
            Some(false) => {}
            None if body.is_empty() || body.eq_ignore_ascii_case("ok") => {
                return Ok(Receipt::default());
            }
            None => {
                let operation = format!("unexpected answer ({})", self.endpoint.echo(body));
                return Err(Error::new(&self.name, operation, ErrorKind::Ambiguous));
            }
        }
        let code = json
            .as_ref()
            .and_then(|j| j.get("error")?.as_str())
            .unwrap_or("no reason given");
        let operation = format!("refused ({})", self.endpoint.echo(code));
        if !matches!(code, "ratelimited" | "rate_limited") {
            let kind = match code {
                "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
                    ErrorKind::Peer
                }
                _ => ErrorKind::Rejected,
            };
            return Err(Error::new(&self.name, operation, kind));
        }
        let error = Error::new(&self.name, operation, ErrorKind::RateLimited);
        Err(match accepted.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }
}

#[async_trait]
impl Notifier for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Resend::ShowsTwice)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        let body = payload(message).to_string().into_bytes();
        let accepted = self.endpoint.post(&self.name, &[], body).await?;
        self.judge(&accepted)
    }
}

fn payload(message: &Message) -> Value {
    let facts: Vec<Value> = message
        .facts
        .iter()
        .take(MAX_FACTS)
        .map(|(name, value)| {
            json!({
                "title": escaped(name, MAX_FACT),
                "value": escaped(value, MAX_FACT),
                "short": value.chars().count() <= 40,
            })
        })
        .collect();
    let title = escaped(&message.title, MAX_TITLE);
    json!({
        "attachments": [{
            "fallback": title,
            "color": colour(message),
            "title": title,
            "text": escaped(&message.text, MAX_TEXT),
            "fields": facts,
            "footer": escaped(&message.id, MAX_TITLE),
            "ts": message.at.as_second(),
        }]
    })
}

fn colour(message: &Message) -> &'static str {
    match (message.severity, message.state) {
        (Severity::Critical, _) => "#c0392b",
        (Severity::Warning, _) => "#e67e22",
        (Severity::Info, State::Succeeded) => "#27ae60",
        (Severity::Info, _) => "#2980b9",
    }
}

/// Slack's three special characters, so that text is text and `<!channel>` calls nobody; at most
/// `max` characters as rendered, and never half of an escape.
fn escaped(text: &str, max: usize) -> String {
    const MORE: &str = "… (shortened)";
    let mut out = String::new();
    let mut length = 0;
    // Where to cut if it turns out to be too long.
    let mut cut = 0;
    for c in text.chars() {
        let piece = match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '\n' | '\t' => c.to_string(),
            c if c.is_control() => continue,
            c => c.to_string(),
        };
        length += piece.chars().count();
        if length > max {
            out.truncate(cut);
            out.push_str(MORE);
            return out;
        }
        out.push_str(&piece);
        if length + MORE.chars().count() <= max {
            cut = out.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::new("d1", 1, "hello", "2026-11-20T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn special_characters_call_nobody() {
        assert_eq!(escaped("<!channel> & co", 100), "&lt;!channel&gt; &amp; co");
    }

    #[test]
    fn long_text_is_cut_at_the_rendered_size_and_not_inside_an_escape() {
        for text in ["&".repeat(5000), "ä".repeat(5000), "a&".repeat(4000)] {
            let cut = escaped(&text, MAX_TEXT);
            assert!(cut.chars().count() <= MAX_TEXT);
            assert!(cut.ends_with("… (shortened)"));
            let rest = cut.trim_end_matches("… (shortened)");
            assert_eq!(rest.matches('&').count(), rest.matches(';').count());
        }
        let exact = "x".repeat(MAX_TEXT);
        assert_eq!(escaped(&exact, MAX_TEXT), exact);
    }

    #[test]
    fn the_largest_payload_stays_below_forty_thousand_characters() {
        let mut message = message()
            .with_severity(Severity::Critical)
            .with_text("<".repeat(100_000));
        message.title = "&".repeat(10_000);
        for _ in 0..100 {
            message = message.with_fact("n".repeat(9_000), "v".repeat(9_000));
        }
        let payload = payload(&message);
        assert!(payload.to_string().chars().count() < 40_000);
        assert_eq!(payload["attachments"][0]["color"], "#c0392b");
    }

    #[test]
    fn each_severity_has_its_colour() {
        let colours: std::collections::HashSet<&str> = [
            message().with_severity(Severity::Critical),
            message().with_severity(Severity::Warning),
            message(),
            message().with_state(State::Succeeded),
        ]
        .iter()
        .map(colour)
        .collect();
        assert_eq!(colours.len(), 4);
    }
}
