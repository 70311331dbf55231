use std::sync::{Arc, Mutex, PoisonError};

use ripcord_notify::{Dispatcher, Message, Severity, State};
use ripcord_rollback::journal::Kind;
use ripcord_rollback::{Ending, Event, Observer, Record};

use super::RunTags;
use crate::output::Output;

/// Tells people what the journal says: progress on stderr, messages to the destinations. Both come from durable
/// records and from nothing else.
pub struct Progress {
    output: Arc<Output>,
    tags: RunTags,
    dispatcher: Option<Arc<Dispatcher>>,
    told: Mutex<Told>,
}

/// What later records refer to.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// Where to.
    pub release: String,
    /// Where from.
    pub previous: Option<String>,
    /// Who, for people.
    pub actor: String,
    /// Whether it goes back by hand.
    pub by_hand: bool,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    /// Writes to `output` and posts to `dispatcher`; `told` is what is known before the first record.
    #[must_use]
    pub const fn new(
        output: Arc<Output>,
        tags: RunTags,
        dispatcher: Option<Arc<Dispatcher>>,
        told: Told,
    ) -> Self {
        Self {
            output,
            tags,
            dispatcher,
            told: Mutex::new(told),
        }
    }
}

impl Observer for Progress {
    fn record(&self, record: &Record) {
        self.tags.saw(record);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Begun {
            kind,
            release,
            previous,
            by,
            ..
        } = &record.event
        {
            told.release.clone_from(&release.label);
            told.previous = previous.as_ref().map(|p| p.label.clone());
            told.actor = by.to_string();
            told.by_hand = *kind == Kind::Rollback;
        }
        self.show(record);
        if let (Some(dispatcher), Some(message)) = (&self.dispatcher, tell(record, &told)) {
            dispatcher.post(message);
        }
    }

    fn warning(&self, text: &str) {
        self.output.warn(text);
    }
}

impl Progress {
    fn show(&self, record: &Record) {
        let out = &self.output;
        match &record.event {
            Event::Begun {
                release, previous, ..
            } => {
                let from = previous
                    .as_ref()
                    .map_or_else(|| "nothing".to_owned(), |p| p.label.clone());
                out.line(&format!(
                    "deployment {}: {from} -> {release}",
                    record.deployment
                ));
            }
            Event::StepStarted { step } => out.begin(step),
            Event::StepEnded {
                step,
                outcome,
                seconds,
            } => out.end(step, outcome, *seconds),
            Event::Intent { act, .. } => out.detail(&format!("{act} ...")),
            Event::Planned { plan, findings, .. } => {
                out.line(&format!("rollback plan: {} ({})", plan.class, plan.reason));
                for finding in findings {
                    out.line(&format!("  note: {finding}"));
                }
            }
            Event::UndoBegun {
                reasons, attempt, ..
            } => {
                out.warn(&format!(
                    "going back (attempt {attempt}): {}",
                    reasons.join("; ")
                ));
            }
            Event::UndoFailed { attempt, error } => {
                out.warn(&format!("attempt {attempt} at going back failed: {error}"))
            }
            Event::AbortRequested { by } => out.warn(&format!("{by} asked to stop")),
            Event::Resumed { found, .. } => {
                out.line(&format!("resuming deployment {}", record.deployment));
                for line in found {
                    out.line(&format!("  {line}"));
                }
            }
            Event::Ended { ending, .. } => {
                out.line(&format!("deployment {}: {ending}", record.deployment))
            }
            _ => {}
        }
    }
}

/// The message for a record, if people are told of it. Only verified outcomes are stated.
#[must_use]
pub fn tell(record: &Record, told: &Told) -> Option<Message> {
    let service = &told.service;
    let release = &told.release;
    let previous = told.previous.as_deref().unwrap_or("nothing");
    let (severity, state, title, text) = match &record.event {
        Event::Begun { notes, .. } if told.by_hand => {
            let title = format!("{service}: rolling back by hand from {previous} to {release}");
            (Severity::Warning, State::Progress, title, notes.join("\n"))
        }
        Event::Begun { notes, .. } => {
            let title = format!("{service}: deploying {release} over {previous}");
            (Severity::Info, State::Progress, title, notes.join("\n"))
        }
        Event::UndoBegun {
            reasons,
            attempt: 1,
            ..
        } if !told.by_hand => {
            let title = format!("{service}: {release} failed, going back to {previous}");
            (
                Severity::Warning,
                State::Progress,
                title,
                reasons.join("\n"),
            )
        }
        Event::Ended {
            ending, reasons, ..
        } => {
            let (severity, state, title) = ended(*ending, told);
            (severity, state, title, reasons.join("\n"))
        }
        _ => return None,
    };
    let mut message = Message::new(&record.deployment, record.seq, title, record.at)
        .with_severity(severity)
        .with_state(state)
        .with_text(text)
        .with_fact("environment", &told.environment)
        .with_fact("release", release);
    if let Some(previous) = &told.previous {
        message = message.with_fact("previous", previous);
    }
    if !told.actor.is_empty() {
        message = message.with_fact("by", &told.actor);
    }
    Some(message)
}

fn ended(ending: Ending, told: &Told) -> (Severity, State, String) {
    let Told {
        service,
        environment,
        release,
        previous,
        ..
    } = told;
    let previous = previous.as_deref().unwrap_or("nothing");
    match ending {
        Ending::Committed => (
            Severity::Info,
            State::Succeeded,
            format!("{service}: {release} runs in {environment}, verified"),
        ),
        Ending::RolledBack => (
            Severity::Warning,
            State::Failed,
            format!("{service}: {release} was taken back; {previous} runs again, verified"),
        ),
        Ending::Blocked => (
            Severity::Warning,
            State::Failed,
            format!("{service}: {release} was not deployed; nothing changed"),
        ),
        Ending::NeedsHuman => (
            Severity::Critical,
            State::Failed,
            format!("{service}: going back to {previous} is not verified; a person is needed now"),
        ),
        Ending::Inconclusive => (
            Severity::Warning,
            State::Failed,
            format!(
                "{service}: it could not be decided whether {release} may be deployed; nothing changed"
            ),
        ),
    }
}
