use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Owner;
use crate::Release;
use crate::evidence::{Evidence, Preserve};
use crate::plan::RollbackPlan;
use crate::run::{Child, Statement, WayBack};
use crate::verifier::{Judgement, Phase};

/// One line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Position in the journal; grows by one.
    pub seq: u64,
    /// The deployment it belongs to.
    pub deployment: String,
    /// The epoch under which it was written.
    pub epoch: u64,
    /// When, in UTC.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What kind of run a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Forward, to a new release.
    Deploy,
    /// Back, by hand, to one that was good.
    Rollback,
}

/// One change of the world, as it stands in an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Making a release ready.
    Prepare {
        /// The release's id.
        release: String,
    },
    /// Making a backup.
    Backup,
    /// Trying the way back out on a copy.
    Rehearse {
        /// The backup that is restored.
        backup: String,
    },
    /// Exporting what downs are about to drop.
    Preserve {
        /// Tables and columns.
        what: Vec<Preserve>,
    },
    /// Stopping everything that writes.
    Quiesce,
    /// Applying one migration.
    Migrate {
        /// Its version.
        version: String,
        /// The release that owns it.
        owner: Release,
    },
    /// Taking one migration back.
    Revert {
        /// Its version.
        version: String,
        /// The release that owns it.
        owner: Release,
    },
    /// Switching to a restored backup.
    Restore {
        /// The backup's id.
        backup: String,
    },
    /// Making a release run.
    Activate {
        /// The release.
        release: Release,
    },
    /// Removing a release nobody returns to.
    Discard {
        /// The release's id.
        release: String,
    },
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare { release } => write!(f, "prepare {release}"),
            Self::Backup => f.write_str("back up"),
            Self::Rehearse { backup } => write!(f, "rehearse on {backup}"),
            Self::Preserve { what } => {
                let what: Vec<String> = what.iter().map(ToString::to_string).collect();
                write!(f, "export {}", what.join(", "))
            }
            Self::Quiesce => f.write_str("stop writers"),
            Self::Migrate { version, .. } => write!(f, "migrate {version}"),
            Self::Revert { version, .. } => write!(f, "revert {version}"),
            Self::Restore { backup } => write!(f, "restore {backup}"),
            Self::Activate { release } => write!(f, "activate {release}"),
            Self::Discard { release } => write!(f, "discard {release}"),
        }
    }
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is so.
    Done,
    /// It failed, or it is not known; whoever decides next has to look.
    Failed {
        /// What was said, without secrets.
        error: String,
    },
}

/// How a deployment ended. The names are the ones of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The new release stays.
    Committed,
    /// It went back and the previous release is verified healthy.
    RolledBack,
    /// A gate said no; nothing changed.
    Blocked,
    /// Going back failed, or nobody can tell; a person has to look.
    NeedsHuman,
    /// It could not be decided; nothing more happens by itself.
    Inconclusive,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Blocked => "blocked",
            Self::NeedsHuman => "needs_human",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// What can stand in the journal. New kinds may be added; none changes its meaning.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A deployment starts.
    Begun {
        /// Forward or by hand back.
        kind: Kind,
        /// The environment's name.
        environment: String,
        /// Where to.
        release: Release,
        /// Where from: what was meant to run before.
        previous: Option<Release>,
        /// Who.
        by: Owner,
        /// Why, if said; overrides and consents included.
        notes: Vec<String>,
    },
    /// A step of the run starts.
    StepStarted {
        /// The step's name.
        step: String,
    },
    /// A step of the run ended.
    StepEnded {
        /// The step's name.
        step: String,
        /// `ok`, `failed` or `skipped`.
        outcome: String,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// About to change the world; durable before the change.
    Intent {
        /// The change.
        act: Act,
        /// What was seen before, in the shape of the act (an observation, a schema state).
        prior: Value,
    },
    /// The change was made, or not.
    Result {
        /// The change.
        act: Act,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, in seconds.
        seconds: f64,
        /// What came out of it (the backup's record), or null.
        made: Value,
    },
    /// A child process is about to run its command.
    Child {
        /// The process group.
        child: Child,
        /// Its program's name, never its arguments.
        what: String,
    },
    /// A statement outside a transaction is about to be sent, or was acknowledged.
    Statement {
        /// Which.
        statement: Statement,
    },
    /// How a migration that is about to be applied can be taken back, whatever becomes of its file.
    WayBack {
        /// The way.
        way: WayBack,
    },
    /// A way back was tried out on a copy.
    Rehearsed {
        /// What that has shown.
        evidence: Box<Evidence>,
    },
    /// A migration was taken back by hand, so that its way back is of no more use.
    TakenBack {
        /// Its version.
        version: String,
    },
    /// A gate answered.
    Judged {
        /// Which.
        phase: Phase,
        /// The answer.
        judgement: Judgement,
    },
    /// The way back is decided.
    Planned {
        /// The plan.
        plan: RollbackPlan,
        /// The schema before, which a revert has to come back to.
        schema: Option<crate::SchemaState>,
        /// For a rollback by hand: the migrations that were not applied when the target was good, with their owners.
        #[serde(default)]
        extra: Vec<(String, Release)>,
        /// What people should know.
        findings: Vec<String>,
    },
    /// From here on a failure runs the plan.
    Armed,
    /// The new release stays. Durable before anything that relies on it.
    Committed {
        /// The schema the release is good with.
        schema: Option<crate::SchemaState>,
    },
    /// The plan runs; at most once per deployment, with attempts counted.
    UndoBegun {
        /// One code, for machines.
        reason_code: String,
        /// Why, for people.
        reasons: Vec<String>,
        /// 1, then 2.
        attempt: u32,
    },
    /// An attempt at going back failed.
    UndoFailed {
        /// Which attempt.
        attempt: u32,
        /// Why.
        error: String,
    },
    /// Somebody asked a running deployment to stop and go back.
    AbortRequested {
        /// Who.
        by: Owner,
    },
    /// Another process took an interrupted deployment over.
    Resumed {
        /// Who.
        by: Owner,
        /// What it ended and found, one line each.
        found: Vec<String>,
    },
    /// The deployment is over.
    Ended {
        /// How.
        ending: Ending,
        /// One code, for machines.
        reason_code: String,
        /// Why, for people.
        reasons: Vec<String>,
    },
}
