//! The engine: takes a release in, takes it out again, survives anything.

mod deploy;
mod flight;
mod manual;
mod rehearse;
mod resume;
mod schema;
mod stop;
mod survey;
mod undo;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use deploy::new_id;
pub use manual::Return;
pub use resume::Direction;
pub use stop::{Stop, StopSwitch};
pub use survey::Survey;

use crate::backend::Backend;
use crate::database::Database;
use crate::journal::{Acquired, Event, Holder, Journal, Lease, Owner, Story};
use crate::observer::{NoObserver, Observer};
use crate::plan::{Consent, Reason};
use crate::verifier::Verifier;
use crate::{Error, ErrorKind};
use flight::Flight;
use tokio_util::task::AbortOnDropHandle;

/// Settings of an [`Engine`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The environment's name, for the record.
    pub environment: String,
    /// How long a silent owner keeps the lease. Default 30 s; the heartbeat comes three times as often.
    pub lease_ttl: Duration,
    /// How often a running deployment looks for a request to abort. Default 250 ms.
    pub abort_poll: Duration,
    /// How long a whole run may take before it goes back. Default one hour.
    pub deadline: Duration,
    /// How long ending what an older epoch left behind may take. Default 30 s.
    pub end_timeout: Duration,
    /// How long the way back waits for a database that cannot be reached before an attempt counts as failed. Default
    /// one minute.
    pub patience: Duration,
    /// Whether releases without migrations also need a fresh verified backup.
    pub backup_need: BackupNeed,
    /// How many releases that were good are kept besides the ones somebody may return to. Default 5.
    pub keep: usize,
    /// For how long what a rehearsal has shown is believed. Default 24 h.
    pub evidence_max_age: Duration,
}

impl Policy {
    /// The defaults for an environment.
    #[must_use]
    pub fn new(environment: impl Into<String>) -> Self {
        Self {
            environment: environment.into(),
            lease_ttl: Duration::from_secs(30),
            abort_poll: Duration::from_millis(250),
            deadline: Duration::from_secs(3600),
            end_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            backup_need: BackupNeed::WithMigrations,
            keep: 5,
            evidence_max_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// When a deployment needs a verified backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupNeed {
    /// Only with pending migrations, and then a new one.
    WithMigrations,
    /// Always; without migrations the newest one counts if it is fresh.
    Always,
}

/// What somebody asks for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Request {
    /// The release as the user names it.
    pub release: String,
    /// Overrides, reasons and consents as text, for the record.
    pub notes: Vec<String>,
    /// What is allowed.
    pub consent: Consent,
    /// The reason for which failures of the pre gate are waived: a hotfix must not be blocked by the fault it mends.
    pub waive_pre_gate: Option<String>,
    /// The reason for which a deployment may begin although the last one ended in a declared state.
    pub over_declared: Option<String>,
    /// The reason for which a manual rollback may also take the schema back.
    pub revert_schema: Option<String>,
}

impl Request {
    /// Asks for a release with no consent to anything.
    #[must_use]
    pub fn new(release: impl Into<String>) -> Self {
        Self {
            release: release.into(),
            ..Self::default()
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The deployment came to an end, told by its records.
    Ended(Box<Story>),
    /// Another run holds the lease.
    LeaseHeld(Holder),
    /// There was nothing to do; in words.
    Nothing(String),
    /// It was refused before it began, and nothing was written.
    Refused(Reason),
}

/// Composes a backend, a journal, a verifier and perhaps a database into guarded deployments.
#[derive(Debug, Clone)]
pub struct Engine {
    backend: Arc<dyn Backend>,
    journal: Arc<dyn Journal>,
    verifier: Arc<dyn Verifier>,
    database: Option<Arc<dyn Database>>,
    observer: Arc<dyn Observer>,
    owner: Owner,
    policy: Policy,
    stop: StopSwitch,
}

impl Engine {
    /// An engine without a database and without an observer.
    #[must_use]
    pub fn new(
        backend: Arc<dyn Backend>,
        journal: Arc<dyn Journal>,
        verifier: Arc<dyn Verifier>,
        owner: Owner,
        policy: Policy,
    ) -> Self {
        Self {
            backend,
            journal,
            verifier,
            database: None,
            observer: Arc::new(NoObserver),
            owner,
            policy,
            stop: StopSwitch::default(),
        }
    }

    /// Adds the database whose schema moves with the releases.
    #[must_use]
    pub fn with_database(mut self, database: Arc<dyn Database>) -> Self {
        self.database = Some(database);
        self
    }

    /// Adds somebody who is told of every record.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// The switch that stops what this engine runs: a signal handler holds a clone.
    #[must_use]
    pub const fn stop_switch(&self) -> &StopSwitch {
        &self.stop
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// All deployments in the journal, oldest first.
    ///
    /// # Errors
    /// As [`Journal::replay`].
    pub async fn stories(&self) -> Result<Vec<Story>, Error> {
        Ok(Story::all(&self.journal.replay(None).await?))
    }

    /// Asks a running deployment to stop and go back. `None` when none is running.
    ///
    /// # Errors
    /// As [`Journal::request`].
    pub async fn request_abort(&self) -> Result<Option<(String, Holder)>, Error> {
        let Some(holder) = self.journal.holder().await? else {
            return Ok(None);
        };
        let stories = self.stories().await?;
        let Some(open) = Story::open(&stories).filter(|story| !story.is_over()) else {
            return Ok(None);
        };
        let event = Event::AbortRequested {
            by: self.owner.clone(),
        };
        self.journal.request(&open.deployment, event).await?;
        Ok(Some((open.deployment.clone(), holder)))
    }

    async fn lease(&self) -> Result<Result<Lease, Holder>, Error> {
        Ok(
            match self
                .journal
                .acquire(&self.owner, self.policy.lease_ttl)
                .await?
            {
                Acquired::Granted(lease) => Ok(lease),
                Acquired::Held(holder) => Err(holder),
            },
        )
    }

    /// Runs `work` under the lease, with heartbeat, abort watch and deadline, and gives the lease back.
    async fn under_lease<F>(&self, deployment: &str, lease: Lease, work: F) -> Result<Story, Error>
    where
        F: AsyncFnOnce(&Flight<'_>) -> Result<(), Error>,
    {
        let known = match self.journal.replay(Some(deployment)).await {
            Ok(known) => known,
            Err(e) => {
                self.journal.release(&lease).await?;
                return Err(e);
            }
        };
        let flight = Flight::new(self, deployment.to_owned(), lease.clone(), known);
        // Dropping this future must also end the heartbeat.
        let watch = AbortOnDropHandle::new(self.watch(deployment.to_owned(), lease.clone()));
        let done = work(&flight).await;
        drop(watch);
        let released = self.journal.release(&lease).await;
        done?;
        if let Err(e) = released {
            self.observer.warning(&e.chain());
        }
        flight.story()
    }

    fn watch(&self, deployment: String, lease: Lease) -> tokio::task::JoinHandle<()> {
        let (journal, stop, policy) = (
            Arc::clone(&self.journal),
            self.stop.clone(),
            self.policy.clone(),
        );
        let started = tokio::time::Instant::now();
        tokio::spawn(async move {
            let mut renewed = started;
            let mut tick = tokio::time::interval(policy.abort_poll);
            loop {
                tick.tick().await;
                if started.elapsed() >= policy.deadline {
                    stop.stop(Stop::Deadline);
                }
                if renewed.elapsed() >= policy.lease_ttl / 3 {
                    match journal.renew(&lease).await {
                        Ok(()) => renewed = tokio::time::Instant::now(),
                        Err(e) if e.kind() == ErrorKind::Fenced => stop.stop(Stop::Fenced),
                        // A full disk: the act's own append will say so.
                        Err(_) => {}
                    }
                }
                if journal
                    .replay(Some(&deployment))
                    .await
                    .is_ok_and(|records| {
                        records
                            .iter()
                            .any(|r| matches!(r.event, Event::AbortRequested { .. }))
                    })
                {
                    stop.stop(Stop::Abort);
                }
            }
        })
    }
}
