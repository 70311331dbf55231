//! What is said.

use std::fmt;

use jiff::Timestamp;

/// How much it matters. Ordered: `Info < Warning < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

/// Where the topic stands with this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum State {
    /// More will follow.
    #[default]
    Progress,
    /// Ended well.
    Succeeded,
    /// Ended badly. Never superseded by a newer message, always worth delivering.
    Failed,
}

/// One thing to tell.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// Idempotency key, unique per message, ASCII without spaces: `<deployment>-<sequence>`.
    pub id: String,
    /// What it is about; the messages of one topic replace each other. A deployment's id.
    pub topic: String,
    /// Grows within a topic.
    pub sequence: u64,
    /// How much it matters.
    pub severity: Severity,
    /// Where the topic stands.
    pub state: State,
    /// One line, plain text.
    pub title: String,
    /// Plain text, several lines allowed.
    pub text: String,
    /// Names and values, shown in this order: environment, release, commit, actor.
    pub facts: Vec<(String, String)>,
    /// When it happened.
    pub at: Timestamp,
}

impl Message {
    /// A message with the id `<topic>-<sequence>`, severity info, in progress, without facts.
    pub fn new(
        topic: impl Into<String>,
        sequence: u64,
        title: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        let topic = topic.into();
        Self {
            id: format!("{topic}-{sequence}"),
            topic,
            sequence,
            severity: Severity::Info,
            state: State::Progress,
            title: title.into(),
            text: String::new(),
            facts: Vec::new(),
            at,
        }
    }

    /// Sets how much it matters.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets where the topic stands.
    #[must_use]
    pub fn with_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    /// Whether `newer` makes this one pointless: same topic, later, and this one is not a failure.
    #[must_use]
    pub fn is_superseded_by(&self, newer: &Message) -> bool {
        self.state != State::Failed && self.topic == newer.topic && self.sequence < newer.sequence
    }
}

impl Severity {
    /// The stable code: `info`, `warning`, `critical`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl State {
    /// The stable code: `progress`, `succeeded`, `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Progress => "progress",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
        }
    }
}
