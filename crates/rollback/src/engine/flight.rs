use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use super::{Engine, Stop};
use crate::journal::{Act, Ending, Event, Lease, Outcome, Record, Story};
use crate::run::{Child, Ledger, Run, Statement, Tag, WayBack};
use crate::verifier::{Judgement, Phase, Verdict};
use crate::{Error, ErrorKind, Release};

/// Why a step did not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// A reason to block or to go back, with its code.
    Because {
        code: String,
        reasons: Vec<String>,
        ending: Ending,
    },
    /// The lease is gone: leave everything as it is.
    Fenced(Error),
}

impl Halt {
    pub(super) fn because(code: &str, reason: impl Into<String>) -> Self {
        Self::Because {
            code: code.to_owned(),
            reasons: vec![reason.into()],
            ending: Ending::Blocked,
        }
    }

    /// The same with one more line for people.
    pub(super) fn with(mut self, line: &str) -> Self {
        if let Self::Because { reasons, .. } = &mut self {
            reasons.push(line.to_owned());
        }
        self
    }

    pub(super) fn error(code: &str, error: Error) -> Self {
        if error.kind() == ErrorKind::Fenced {
            Self::Fenced(error)
        } else {
            Self::because(code, error.chain())
        }
    }
}

/// Whether a record that cannot be written stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// Before and while going forward: no record, no act.
    Required,
    /// While going back: a record that cannot be written is shown and the way back goes on.
    BestEffort,
}

/// One deployment in progress under a lease.
#[derive(Debug)]
pub(super) struct Flight<'a> {
    pub(super) engine: &'a Engine,
    pub(super) deployment: String,
    pub(super) lease: Lease,
    /// What is known of the deployment so far: read once, then what this run wrote, or could not write on the way
    /// back. Deciding must not depend on a disk that may be full or gone by then.
    known: Mutex<Vec<Record>>,
    back: AtomicBool,
}

impl<'a> Flight<'a> {
    pub(super) const fn new(
        engine: &'a Engine,
        deployment: String,
        lease: Lease,
        known: Vec<Record>,
    ) -> Self {
        Self {
            engine,
            deployment,
            lease,
            known: Mutex::new(known),
            back: AtomicBool::new(false),
        }
    }

    /// From here on a record that cannot be written stops nothing any more.
    pub(super) fn going_back(&self) {
        self.back.store(true, Ordering::Relaxed);
    }

    /// The deployment as it is known here.
    pub(super) fn story(&self) -> Result<Story, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Story::of(&known)
            .ok_or_else(|| Error::new("read back", &self.deployment, ErrorKind::Journal))
    }

    fn know(&self, record: Record) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
    }

    pub(super) fn run(&self) -> Run {
        Run {
            tag: Tag {
                deployment: self.deployment.clone(),
                epoch: self.lease.epoch,
            },
            ledger: Arc::new(JournalLedger {
                engine: self.engine.clone(),
                deployment: self.deployment.clone(),
                lease: self.lease.clone(),
                writing: if self.back.load(Ordering::Relaxed) {
                    Writing::BestEffort
                } else {
                    Writing::Required
                },
            }),
        }
    }

    /// Writes one record and tells the observer.
    pub(super) async fn write(&self, event: Event) -> Result<Record, Error> {
        let record = self
            .engine
            .journal
            .append(&self.lease, &self.deployment, event)
            .await?;
        self.engine.observer.record(&record);
        self.know(record.clone());
        Ok(record)
    }

    /// As [`write`](Self::write), but while going back only being fenced is an error.
    pub(super) async fn note(&self, event: Event, writing: Writing) -> Result<(), Halt> {
        match self.write(event.clone()).await {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == ErrorKind::Fenced => Err(Halt::Fenced(e)),
            Err(e) if writing == Writing::BestEffort => {
                self.engine.observer.warning(&e.chain());
                // People are told all the same.
                let record = Record {
                    seq: 0,
                    deployment: self.deployment.clone(),
                    epoch: self.lease.epoch,
                    at: jiff::Timestamp::now(),
                    event,
                };
                self.engine.observer.record(&record);
                self.know(record);
                Ok(())
            }
            Err(e) => Err(Halt::error("journal_unwritable", e)),
        }
    }

    /// A named step around `work`, timed.
    pub(super) async fn step<T>(
        &self,
        name: &str,
        writing: Writing,
        work: impl Future<Output = Result<T, Halt>>,
    ) -> Result<T, Halt> {
        self.note(
            Event::StepStarted {
                step: name.to_owned(),
            },
            writing,
        )
        .await?;
        let start = Instant::now();
        let result = match writing {
            Writing::Required => tokio::select! {
                biased;
                why = self.engine.stop.stopped() => Err(stopped(why)),
                result = work => result,
            },
            Writing::BestEffort => tokio::select! {
                biased;
                why = self.engine.stop.fenced() => Err(stopped(why)),
                result = work => result,
            },
        };
        if matches!(result, Err(Halt::Fenced(_))) {
            return result;
        }
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        let ended = Event::StepEnded {
            step: name.to_owned(),
            outcome: outcome.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
        };
        match (self.note(ended, writing).await, result) {
            (Ok(()), result) => result,
            (Err(Halt::Fenced(e)), _) => Err(Halt::Fenced(e)),
            // What went wrong first is the better reason.
            (Err(_), Err(first)) => Err(first),
            (Err(halt), Ok(_)) => Err(halt),
        }
    }

    /// Intent, act, result. The intent holds what was seen before.
    pub(super) async fn act<T: Serialize>(
        &self,
        act: Act,
        prior: Value,
        writing: Writing,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Halt> {
        self.note(
            Event::Intent {
                act: act.clone(),
                prior,
            },
            writing,
        )
        .await?;
        let start = Instant::now();
        let result = work.await;
        let (outcome, made) = match &result {
            Ok(value) => (
                Outcome::Done,
                serde_json::to_value(value).unwrap_or(Value::Null),
            ),
            Err(e) => (Outcome::Failed { error: e.chain() }, Value::Null),
        };
        let code = code_of(&act);
        let seconds = start.elapsed().as_secs_f64();
        let noted = self
            .note(
                Event::Result {
                    act,
                    outcome,
                    seconds,
                    made,
                },
                writing,
            )
            .await;
        match (noted, result) {
            (Err(Halt::Fenced(e)), _) => Err(Halt::Fenced(e)),
            (_, Err(e)) => Err(Halt::error(code, e)),
            (Err(halt), Ok(_)) => Err(halt),
            (Ok(()), Ok(value)) => Ok(value),
        }
    }

    /// Asks the verifier and writes its answer down.
    pub(super) async fn judge(
        &self,
        phase: Phase,
        expected: Option<&Release>,
        writing: Writing,
    ) -> Result<Judgement, Halt> {
        let judgement = self.engine.verifier.verify(phase, expected.cloned()).await;
        let event = Event::Judged {
            phase,
            judgement: judgement.clone(),
        };
        self.note(event, writing).await?;
        Ok(judgement)
    }

    /// Ends the deployment.
    pub(super) async fn end(
        &self,
        ending: Ending,
        code: &str,
        reasons: Vec<String>,
        writing: Writing,
    ) -> Result<(), Halt> {
        let event = Event::Ended {
            ending,
            reason_code: code.to_owned(),
            reasons,
        };
        self.note(event, writing).await
    }
}

/// The halt for a judgement that is not a pass.
pub(super) fn halt_of(judgement: &Judgement, code: &str) -> Halt {
    let ending = match judgement.verdict {
        Verdict::Inconclusive | Verdict::SourceBroken => Ending::Inconclusive,
        Verdict::Fail | Verdict::Pass => Ending::Blocked,
    };
    Halt::Because {
        code: code.to_owned(),
        reasons: judgement.reasons.clone(),
        ending,
    }
}

fn stopped(why: Stop) -> Halt {
    match why {
        Stop::Abort => Halt::because("aborted", "an operator stopped the deployment"),
        Stop::Deadline => Halt::because("deadline", "the run took longer than it may"),
        Stop::Fenced => Halt::Fenced(Error::new(
            "go on with",
            "the deployment",
            ErrorKind::Fenced,
        )),
    }
}

const fn code_of(act: &Act) -> &'static str {
    match act {
        Act::Prepare { .. } => "prepare_failed",
        Act::Backup => "backup_failed",
        Act::Rehearse { .. } => "rehearsal_impossible",
        Act::Preserve { .. } => "preserve_failed",
        Act::Quiesce => "quiesce_failed",
        Act::Migrate { .. } => "migrate_failed",
        Act::Revert { .. } => "revert_failed",
        Act::Restore { .. } => "restore_failed",
        Act::Activate { .. } => "activate_failed",
        Act::Discard { .. } => "discard_failed",
    }
}

#[derive(Debug)]
struct JournalLedger {
    engine: Engine,
    deployment: String,
    lease: Lease,
    writing: Writing,
}

impl JournalLedger {
    async fn write(&self, event: Event) -> Result<(), Error> {
        match self
            .engine
            .journal
            .append(&self.lease, &self.deployment, event)
            .await
        {
            Ok(record) => {
                self.engine.observer.record(&record);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Fenced || self.writing == Writing::Required => Err(e),
            // The way back must not stop because the disk is full, and the act's own intent is durable.
            Err(e) => {
                self.engine.observer.warning(&e.chain());
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Ledger for JournalLedger {
    async fn child(&self, child: Child, what: &str) -> Result<(), Error> {
        let what = what.to_owned();
        self.write(Event::Child { child, what }).await
    }

    async fn statement(&self, statement: Statement) -> Result<(), Error> {
        self.write(Event::Statement { statement }).await
    }

    async fn way_back(&self, way: WayBack) -> Result<(), Error> {
        self.write(Event::WayBack { way }).await
    }
}
