use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::{Direction, Error, LeftBehind, Migration, StepObserver, Workspace};

/// Applies and reverts migrations, one at a time, and knows what is applied.
///
/// Every method is idempotent and about a state ("make it so that 7 is applied"), so calling it
/// again after a crash is right. Every version is named; there is no "one back".
///
/// Cancel safety: a dropped `up` or `down` cancels the running statement on the server. What was
/// inside a transaction is undone by the server; what was outside is found by [`resolve`].
/// Deadlines belong to the caller, apart from the server-side timeouts of the implementation.
///
/// [`resolve`]: Migrator::resolve
#[async_trait]
pub trait Migrator: Debug + Send + Sync {
    /// A stable label without secrets.
    fn name(&self) -> &str;

    /// What is pending, what is applied, and every way in which the two do not fit.
    ///
    /// # Errors
    /// [`ErrorKind::Workspace`](crate::ErrorKind::Workspace) when the folder is bad,
    /// [`Connection`](crate::ErrorKind::Connection) or
    /// [`Database`](crate::ErrorKind::Database) when the state cannot be read. Problems *in* the
    /// state are in the answer, not errors.
    async fn status(&self, workspace: &Workspace) -> Result<Status, Error>;

    /// Makes it so that `version` is applied: exactly this one, no other.
    ///
    /// # Errors
    /// [`UnknownVersion`](crate::ErrorKind::UnknownVersion),
    /// [`OutOfOrder`](crate::ErrorKind::OutOfOrder), [`Edited`](crate::ErrorKind::Edited),
    /// [`Dirty`](crate::ErrorKind::Dirty), [`Syntax`](crate::ErrorKind::Syntax) before anything
    /// is changed; [`Busy`](crate::ErrorKind::Busy),
    /// [`LockTimeout`](crate::ErrorKind::LockTimeout), [`Queue`](crate::ErrorKind::Queue),
    /// [`StatementTimeout`](crate::ErrorKind::StatementTimeout),
    /// [`Database`](crate::ErrorKind::Database), [`Stopped`](crate::ErrorKind::Stopped) while
    /// running.
    async fn up(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error>;

    /// Makes it so that `version` is not applied: exactly this one, which must be the newest. Where
    /// the workspace has no file for it, or one that was edited, the way back that was recorded is
    /// taken (see [`Workspace::with_ways_back`]).
    ///
    /// # Errors
    /// As [`up`](Migrator::up), and [`Irreversible`](crate::ErrorKind::Irreversible) when the
    /// down file is missing or does nothing.
    async fn down(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error>;

    /// What an interrupted run left of `version`, from the state table and the catalogue.
    ///
    /// # Errors
    /// As [`status`](Migrator::status).
    async fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error>;

    /// Puts right what an interrupted run left of `version`, where that is provably safe: drops
    /// an index that was left invalid, clears or completes a mark. Never touches data.
    ///
    /// # Errors
    /// [`NeedsHuman`](crate::ErrorKind::NeedsHuman) when nothing can be proved; otherwise as
    /// [`up`](Migrator::up).
    async fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error>;
}

/// What `up` or `down` did.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Outcome {
    /// It was so before; nothing was run.
    Already,
    /// It was run to its end and recorded.
    Applied {
        /// Wall-clock seconds, waiting for locks included.
        seconds: f64,
        /// What it left unfinished: invalid indexes, constraints that are not validated.
        #[cfg_attr(feature = "serde", serde(default))]
        left: Vec<LeftBehind>,
    },
}

/// The applied state of a database, seen from one workspace.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// In the workspace and not applied, in the order in which they would run.
    pub pending: Vec<Migration>,
    /// Recorded as applied, oldest first.
    pub applied: Vec<Applied>,
    /// Every way in which workspace and database do not fit, explained.
    pub problems: Vec<Problem>,
}

impl Status {
    /// The newest applied version, if any.
    pub fn current(&self) -> Option<&str> {
        let versions = self.applied.iter().rev();
        let mut versions = versions.filter(|a| a.applied_as != AppliedAs::Repeatable);
        versions.next().map(|a| a.version.as_str())
    }

    /// Whether `version` is recorded as applied.
    pub fn is_applied(&self, version: &str) -> bool {
        self.applied.iter().any(|a| a.version == version)
    }
}

/// One row of the state table.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Applied {
    /// The version.
    pub version: String,
    /// The name that was recorded, or that of the file where the state table has none.
    pub name: Option<String>,
    /// The checksum that was recorded, as the layout's tool writes it, if the state table has one.
    pub checksum: Option<String>,
    /// When it was applied, if the state table says.
    pub when: Option<SystemTime>,
    /// Whether it is a version, one of those that repeat, or a baseline.
    #[cfg_attr(feature = "serde", serde(default))]
    pub applied_as: AppliedAs,
}

/// What a row of the state table stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AppliedAs {
    /// One migration.
    #[default]
    Version,
    /// The last run of a migration that repeats.
    Repeatable,
    /// The schema as it was found: everything up to this version counts as applied.
    Baseline,
}

impl Applied {
    /// A row with only a version, as golang-migrate knows it.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            name: None,
            checksum: None,
            when: None,
            applied_as: AppliedAs::Version,
        }
    }
}

/// A way in which workspace and database do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Problem {
    /// Which way.
    pub kind: ProblemKind,
    /// The version it is about.
    pub version: String,
    /// One sentence for people: what is, and what it means.
    pub explanation: String,
}

/// The kind of a [`Problem`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ProblemKind {
    /// The file of an applied migration has other bytes than what was applied.
    Edited,
    /// A pending migration is older than the newest applied one.
    OutOfOrder,
    /// Applied, and not in this workspace.
    Missing,
    /// An interrupted or failed run left its mark.
    Dirty,
    /// A run is under way: what is shown may change.
    Running,
    /// Pending, and what it makes is there: its row was deleted, or somebody ran it by hand.
    Unrecorded,
    /// The history has several heads, and nobody has merged them.
    Conflict,
}

/// What an interrupted run left of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Resolution {
    /// All of it, and it is recorded.
    Applied,
    /// Nothing of it, and it is not recorded.
    NotApplied,
    /// Some of it: the statements' states, in order.
    Partial {
        /// One entry a statement of the file that was interrupted.
        statements: Vec<StatementState>,
        /// Whether [`Migrator::repair`] can put it right.
        repair: Repair,
        /// The mark of the run, where there is one.
        #[cfg_attr(feature = "serde", serde(default))]
        mark: Option<Mark>,
    },
    /// It cannot be told; why is for people.
    Unknown {
        /// What is in the way.
        why: String,
    },
}

/// Where it is recorded that a run was interrupted, and of what.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mark {
    /// Whether the way forward was interrupted or the way back.
    pub direction: Direction,
    /// The table.
    pub table: String,
    /// Its row, as a condition of SQL.
    pub row: String,
    /// The file that was interrupted.
    pub file: PathBuf,
    /// Line and text of each statement, shortened; as many as there are states.
    pub statements: Vec<(u32, String)>,
}

#[cfg(feature = "postgres")]
impl Mark {
    pub(crate) fn new(
        direction: Direction,
        (table, row): (&str, String),
        script: &crate::sql::Script,
    ) -> Self {
        let statements = script.statements().iter();
        Self {
            direction,
            table: table.to_owned(),
            row,
            file: script.path().to_owned(),
            statements: statements.map(|s| (s.line(), s.summary(80))).collect(),
        }
    }
}

/// What a person says of a version whose run was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// All of it is there.
    Applied,
    /// Nothing of it is there.
    NotApplied,
}

/// What [`Migrator::repair`] would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Repair {
    /// Everything took effect: record it as applied, or as not applied where it was the way back.
    Complete,
    /// Nothing took effect after these statements ran: take the mark away.
    Undo {
        /// SQL that removes what is broken, for example `DROP INDEX CONCURRENTLY`.
        sql: Vec<String>,
    },
    /// Everything took effect once these statements ran: record that.
    Finish {
        /// SQL that goes on where it ended, for example `ALTER TABLE … DETACH PARTITION … FINALIZE`.
        sql: Vec<String>,
    },
    /// A person has to decide; why.
    Human {
        /// What cannot be proved.
        why: String,
    },
}

/// Whether a statement took effect, as the catalogue shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum StatementState {
    /// It took effect.
    Done,
    /// It left no trace.
    NotDone,
    /// It left something unusable, for example an invalid index.
    Broken,
    /// There is nothing to tell: a setting, a comment, maintenance.
    NoEffect,
    /// The catalogue cannot tell.
    Unknown,
}

macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Migrator + ?Sized> Migrator for $pointer<T> {
            fn name(&self) -> &str {
                (**self).name()
            }

            async fn status(&self, workspace: &Workspace) -> Result<Status, Error> {
                (**self).status(workspace).await
            }

            async fn up(
                &self,
                workspace: &Workspace,
                version: &str,
                observer: &dyn StepObserver,
            ) -> Result<Outcome, Error> {
                (**self).up(workspace, version, observer).await
            }

            async fn down(
                &self,
                workspace: &Workspace,
                version: &str,
                observer: &dyn StepObserver,
            ) -> Result<Outcome, Error> {
                (**self).down(workspace, version, observer).await
            }

            async fn resolve(
                &self,
                workspace: &Workspace,
                version: &str,
            ) -> Result<Resolution, Error> {
                (**self).resolve(workspace, version).await
            }

            async fn repair(
                &self,
                workspace: &Workspace,
                version: &str,
            ) -> Result<Resolution, Error> {
                (**self).repair(workspace, version).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
