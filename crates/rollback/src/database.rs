use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, Preserve};
use crate::plan::{Assessment, Reason};
use crate::run::{Run, Tag};
use crate::{Error, Release};

/// What the database says about itself: enough to tell whether a way back brought the schema back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaState {
    /// Applied migrations, oldest first, as the state table records them.
    pub applied: Vec<String>,
    /// A hash over the canonical schema text.
    pub schema: String,
}

/// A backup that was made for a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupRecord {
    /// The id under which the backup is found again; never "the newest".
    pub id: String,
    /// The level at which it was verified.
    pub level: String,
    /// How long restoring took when it was tried, in seconds, if it was tried.
    pub restore_seconds: Option<f64>,
    /// Whether this executor has shown that it can read the backup again: one that is encrypted to somebody else's key
    /// is of no use to a rollback.
    #[serde(default = "yes")]
    pub readable: bool,
}

/// What records of older versions stand for.
fn yes() -> bool {
    true
}

/// Why a backup is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupPurpose {
    /// Before migrations run: it must be proven to restore.
    BeforeMigrating,
    /// Before a rollback touches the schema: taken while writers are stopped, so it is only stored.
    BeforeReverting,
}

/// What became of one migration whose outcome nobody recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Resolution {
    /// It is in the database, whole.
    Applied,
    /// Nothing of it is in the database (any more).
    NotApplied,
    /// It cannot be told, or only a part is there and cannot be put right without a person.
    Unknown {
        /// What was found.
        reason: String,
    },
}

/// What became of trying a way back out.
#[derive(Clone, Debug, PartialEq)]
pub enum Rehearsed {
    /// This database is not rehearsed: the plan rests on what the statements are.
    Not,
    /// It was tried.
    Tried(Box<Evidence>),
    /// The trial says that the deployment must not go on.
    Refused(Reason),
}

/// Data that was exported because downs would drop it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreserveRecord {
    /// The id under which the export is found again.
    pub id: String,
    /// Rows by table.
    pub rows: std::collections::BTreeMap<String, u64>,
}

/// The database under a deployment, as the engine needs it.
///
/// Changing methods are idempotent by state: a migration that is already applied stays applied. Dropping a future
/// must end the statement on the server. Sessions carry [`Run::tag`] as their application name.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Database: Debug + Send + Sync {
    /// What `to` would change and what is known about undoing it, when `from` serves now. Reads only.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for migrations that cannot be read,
    /// [`Unreachable`](crate::ErrorKind::Unreachable), [`Database`](crate::ErrorKind::Database).
    async fn assess(&self, to: &Release) -> Result<Assessment, Error>;

    /// What it takes, as far as the schema is concerned, to let an older release run again: the migrations in
    /// `extra`, each with the release that owns it, would have to come down or be lived with. Reads only.
    ///
    /// # Errors
    /// As [`assess`](Self::assess).
    async fn assess_return(&self, extra: &[(String, Release)]) -> Result<Assessment, Error>;

    /// The state right now.
    ///
    /// # Errors
    /// [`Unreachable`](crate::ErrorKind::Unreachable), [`Database`](crate::ErrorKind::Database).
    async fn state(&self) -> Result<SchemaState, Error>;

    /// Makes a backup; for [`BackupPurpose::BeforeMigrating`] it is verified before this returns.
    ///
    /// # Errors
    /// Any; the deployment then does not change anything.
    async fn back_up(&self, purpose: BackupPurpose, run: &Run) -> Result<BackupRecord, Error>;

    /// Whether [`rehearse`](Self::rehearse) tries anything. A plan that is made before is provisional then.
    fn rehearses(&self) -> bool {
        false
    }

    /// Tries the way from `to` back to `from` out on a restored copy of `backup`, and removes the copy. The live
    /// database is not touched.
    ///
    /// # Errors
    /// Any; the deployment then does not change anything.
    async fn rehearse(
        &self,
        from: Option<Release>,
        to: &Release,
        assessment: &Assessment,
        backup: &BackupRecord,
        run: &Run,
    ) -> Result<Rehearsed, Error> {
        let _ = (from, to, assessment, backup, run);
        Ok(Rehearsed::Not)
    }

    /// Exports what downs are about to drop, so that it survives this process, and makes sure that nobody has written
    /// to it meanwhile.
    ///
    /// # Errors
    /// Any; nothing is taken back then.
    async fn preserve(&self, what: &[Preserve], run: &Run) -> Result<PreserveRecord, Error> {
        let _ = run;
        let what: Vec<String> = what.iter().map(ToString::to_string).collect();
        Err(
            Error::new("export", what.join(", "), crate::ErrorKind::Invalid)
                .because("this database exports nothing"),
        )
    }

    /// The newest verified backup, if it is fresh enough for a deployment without migrations.
    ///
    /// # Errors
    /// Why there is none: none at all, stale, not verified, failed, unreachable.
    async fn fresh_backup(&self) -> Result<BackupRecord, Reason>;

    /// Makes it so that migration `version` of `owner` is applied.
    ///
    /// # Errors
    /// Any; [`resolve`](Self::resolve) then says what became of it.
    async fn up(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error>;

    /// Makes it so that migration `version` is not applied, with the code of the release that owns it.
    ///
    /// # Errors
    /// As [`up`](Self::up).
    async fn down(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error>;

    /// Finds out what became of a migration, and puts right what can safely be put right.
    ///
    /// # Errors
    /// [`Unreachable`](crate::ErrorKind::Unreachable), [`Database`](crate::ErrorKind::Database).
    async fn resolve(&self, owner: &Release, version: &str, run: &Run)
    -> Result<Resolution, Error>;

    /// Makes it so that the live database is the one that the backup restores to. The one that was live is kept
    /// under another name.
    ///
    /// # Errors
    /// Any; the live database is then the one it was.
    async fn restore(&self, backup: &str, run: &Run) -> Result<(), Error>;

    /// Ends and awaits every session that an older epoch of `deployments` left on the server. Returns how many.
    ///
    /// # Errors
    /// [`State`](crate::ErrorKind::State) when one would not end.
    async fn end_sessions(&self, deployments: &[String], now: &Tag) -> Result<u32, Error>;
}

macro_rules! forward_database {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Database + ?Sized> Database for $pointer<T> {
            async fn assess(&self, to: &Release) -> Result<Assessment, Error> {
                (**self).assess(to).await
            }
            async fn assess_return(
                &self,
                extra: &[(String, Release)],
            ) -> Result<Assessment, Error> {
                (**self).assess_return(extra).await
            }
            async fn state(&self) -> Result<SchemaState, Error> {
                (**self).state().await
            }
            async fn back_up(
                &self,
                purpose: BackupPurpose,
                run: &Run,
            ) -> Result<BackupRecord, Error> {
                (**self).back_up(purpose, run).await
            }
            fn rehearses(&self) -> bool {
                (**self).rehearses()
            }
            async fn rehearse(
                &self,
                from: Option<Release>,
                to: &Release,
                assessment: &Assessment,
                backup: &BackupRecord,
                run: &Run,
            ) -> Result<Rehearsed, Error> {
                (**self).rehearse(from, to, assessment, backup, run).await
            }
            async fn preserve(
                &self,
                what: &[Preserve],
                run: &Run,
            ) -> Result<PreserveRecord, Error> {
                (**self).preserve(what, run).await
            }
            async fn fresh_backup(&self) -> Result<BackupRecord, Reason> {
                (**self).fresh_backup().await
            }
            async fn up(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error> {
                (**self).up(owner, version, run).await
            }
            async fn down(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error> {
                (**self).down(owner, version, run).await
            }
            async fn resolve(
                &self,
                owner: &Release,
                version: &str,
                run: &Run,
            ) -> Result<Resolution, Error> {
                (**self).resolve(owner, version, run).await
            }
            async fn restore(&self, backup: &str, run: &Run) -> Result<(), Error> {
                (**self).restore(backup, run).await
            }
            async fn end_sessions(&self, deployments: &[String], now: &Tag) -> Result<u32, Error> {
                (**self).end_sessions(deployments, now).await
            }
        }
    };
}

forward_database!(Arc);
forward_database!(Box);
