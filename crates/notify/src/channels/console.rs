//! Plain lines to a writer.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::secret::clean;
use crate::{Capabilities, Error, ErrorKind, Message, Notifier, Receipt};

/// Writes one plain line per message, and its text indented below.
///
/// Control characters are taken out: what a message quotes cannot drive a terminal.
pub struct Console {
    name: String,
    writer: Mutex<Box<dyn Write + Send>>,
}

impl Console {
    /// `writer`: standard error, a file, a buffer.
    pub fn new(name: impl Into<String>, writer: Box<dyn Write + Send>) -> Self {
        Self {
            name: name.into(),
            writer: Mutex::new(writer),
        }
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("name", &self.name).finish()
    }
}

#[async_trait]
impl Notifier for Console {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        let text = render(message);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer
            .write_all(text.as_bytes())
            .and_then(|()| writer.flush())
            .map_err(|e| {
                Error::new(&self.name, "write the message", ErrorKind::Io).with_source(e)
            })?;
        Ok(Receipt::default())
    }
}

fn render(message: &Message) -> String {
    let mut out = format!(
        "{} [{}] {}",
        message.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        message.severity,
        clean(&message.title, 500)
    );
    for (name, value) in &message.facts {
        out.push_str(&format!(" {}={}", clean(name, 100), clean(value, 500)));
    }
    out.push('\n');
    for line in message.text.lines() {
        out.push_str(&format!("    {}\n", clean(line, 2000)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    #[test]
    fn one_line_facts_and_indented_text_without_control_characters() {
        let message = Message::new(
            "d1",
            2,
            "rolled \u{1b}[31mback",
            "2026-11-20T10:00:00Z".parse().unwrap(),
        )
        .with_severity(Severity::Critical)
        .with_fact("release", "v3")
        .with_text("first\nsecond\u{7}");
        assert_eq!(
            render(&message),
            "2026-11-20T10:00:00Z [critical] rolled  [31mback release=v3\n    first\n    second\n"
        );
    }
}
