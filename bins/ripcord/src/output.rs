//! What goes out: the result on standard output, progress on standard error, secrets nowhere.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;
use serde_json::Value;

/// Replaces every known secret by `***`.
#[derive(Clone, Debug, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Masks these. Values of fewer than four characters are left: masking them would only garble text.
    #[must_use]
    pub fn new(secrets: &[String]) -> Self {
        let mut known: Vec<String> = secrets.iter().filter(|s| s.len() >= 4).cloned().collect();
        // The longer first, so that a URL is replaced whole before its password is.
        known.sort_by_key(|s| std::cmp::Reverse(s.len()));
        known.dedup();
        Self(known)
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "***")
        })
    }

    /// The value without secrets in any string or key.
    #[must_use]
    pub fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|v| self.json(v)).collect(),
            Value::Object(map) => map
                .into_iter()
                .map(|(k, v)| (self.text(&k), self.json(v)))
                .collect(),
            other => other,
        }
    }
}

/// How progress is shown.
#[derive(Debug)]
enum Style {
    /// One plain line an event.
    Plain,
    /// A spinner for the running step on a terminal.
    Live(Mutex<Option<ProgressBar>>),
    /// Plain lines and annotations.
    GitHub,
}

/// What the CI system around the command offers.
#[derive(Clone, Debug, Default)]
pub struct Ci {
    /// Whether it is GitHub Actions.
    pub github: bool,
    /// Where a step's summary goes.
    pub summary: Option<PathBuf>,
}

/// Standard output and standard error of a command.
#[derive(Debug)]
pub struct Output {
    style: Style,
    mask: Mask,
    summary: Option<PathBuf>,
}

impl Output {
    /// Live on a terminal, annotations in GitHub Actions, plain lines elsewhere.
    #[must_use]
    pub fn new(mask: Mask, ci: &Ci) -> Self {
        let style = if ci.github {
            Style::GitHub
        } else if std::io::stderr().is_terminal() {
            Style::Live(Mutex::new(None))
        } else {
            Style::Plain
        };
        Self {
            style,
            mask,
            summary: ci.summary.clone(),
        }
    }

    /// The mask, for what goes elsewhere.
    #[must_use]
    pub const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// One line of progress.
    pub fn line(&self, text: &str) {
        let text = format!(
            "{} {}",
            Zoned::now().strftime("%H:%M:%S"),
            self.mask.text(text)
        );
        match &self.style {
            Style::Live(bar) => match bar.lock().ok().and_then(|b| b.clone()) {
                Some(bar) => bar.suspend(|| stderr(&text)),
                None => stderr(&text),
            },
            Style::Plain | Style::GitHub => stderr(&text),
        }
    }

    /// One line that must not be missed.
    pub fn warn(&self, text: &str) {
        if matches!(self.style, Style::GitHub) {
            let line = self
                .mask
                .text(text)
                .replace('%', "%25")
                .replace('\n', "%0A");
            stderr(&format!("::warning title=ripcord::{line}"));
        }
        self.line(&format!("warning: {text}"));
    }

    /// A detail of the running step.
    pub fn detail(&self, text: &str) {
        match &self.style {
            Style::Live(bar) => {
                if let Ok(Some(bar)) = bar.lock().map(|b| b.clone()) {
                    bar.set_message(self.mask.text(text));
                }
            }
            Style::Plain | Style::GitHub => self.line(&format!("  {text}")),
        }
    }

    /// A step begins.
    pub fn begin(&self, step: &str) {
        match &self.style {
            Style::Live(bar) => {
                let fresh = ProgressBar::new_spinner();
                if let Ok(style) =
                    ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg}")
                {
                    fresh.set_style(style);
                }
                fresh.set_prefix(step.replace('_', " "));
                fresh.enable_steady_tick(Duration::from_millis(100));
                if let Ok(mut bar) = bar.lock() {
                    *bar = Some(fresh);
                }
            }
            Style::Plain | Style::GitHub => {
                self.line(&format!("{}: started", step.replace('_', " ")))
            }
        }
    }

    /// A step ended.
    pub fn end(&self, step: &str, outcome: &str, seconds: f64) {
        if let Style::Live(bar) = &self.style
            && let Ok(mut bar) = bar.lock()
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
        self.line(&format!(
            "{}: {outcome} ({seconds:.1} s)",
            step.replace('_', " ")
        ));
    }

    /// The result, for people.
    pub fn result(&self, text: &str) {
        stdout(self.mask.text(text).trim_end());
    }

    /// The result, for machines: one document.
    pub fn json(&self, value: Value) {
        stdout(&self.mask.json(value).to_string());
    }

    /// An error annotation where CI shows them; elsewhere nothing.
    pub fn annotate(&self, text: &str) {
        if matches!(self.style, Style::GitHub) {
            let line = self
                .mask
                .text(text)
                .replace('%', "%25")
                .replace('\n', "%0A");
            stderr(&format!("::error title=ripcord::{line}"));
        }
    }

    /// Adds to the step summary where CI shows one; elsewhere nothing.
    pub fn summary(&self, text: &str) {
        let Some(path) = self
            .summary
            .as_ref()
            .filter(|_| matches!(self.style, Style::GitHub))
        else {
            return;
        };
        let text = self.mask.text(text);
        let written = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| writeln!(file, "```\n{}\n```", text.trim_end()));
        if let Err(e) = written {
            stderr(&format!("cannot write the step summary: {e}"));
        }
    }

    /// What stopped the command: one line.
    pub fn error(&self, text: &str) {
        let text = self.mask.text(text);
        self.annotate(&text);
        stderr(&format!("error: {text}"));
    }
}

fn stdout(text: &str) {
    // A reader that went away is not a failure of ours.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn stderr(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::Mask;
    use serde_json::json;

    #[test]
    fn masks_in_text_and_json() {
        let mask = Mask::new(&[
            "s3cr3t".into(),
            "postgres://u:s3cr3t@h/d".into(),
            "ab".into(),
        ]);
        assert_eq!(
            mask.text("at postgres://u:s3cr3t@h/d, about s3cr3t"),
            "at ***, about ***"
        );
        assert_eq!(
            mask.json(json!({"a": ["x s3cr3t"]})),
            json!({"a": ["x ***"]})
        );
        assert_eq!(mask.text("about"), "about");
    }
}
