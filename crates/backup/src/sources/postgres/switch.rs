//! Putting a restored database in the place of the live one.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Client;

use super::scratch::VERIFIED;
use super::session::{ident, literal, refused};
use super::settings::{Target, carry_over};
use super::source::PostgresSource;
use crate::{BackupId, Error, ErrorKind, Vault};

/// How often sessions are looked for while they end.
const POLL: Duration = Duration::from_millis(50);

/// Verified restores that refuse connections and that we may alter.
const CLOSED: &str = "
SELECT datname::text FROM pg_database
WHERE NOT datallowconn AND pg_has_role(datdba, 'USAGE')
  AND starts_with(shobj_description(oid, 'pg_database'), $1)";

/// A switch from the live database to a restored one.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Switch {
    /// The database that [`Vault::restore`] made and compared.
    pub restored: String,
    /// The backup it comes from.
    pub backup: BackupId,
    /// How long to wait for sessions to end.
    pub deadline: Duration,
}

impl Switch {
    /// Puts `restored`, made from `backup`, in the place of the live database, within 30 seconds.
    #[must_use]
    pub fn new(restored: impl Into<String>, backup: BackupId) -> Self {
        Self {
            restored: restored.into(),
            backup,
            deadline: Duration::from_secs(30),
        }
    }

    /// The name under which the old database is kept: the live one's, with the backup's date.
    #[must_use]
    pub fn kept_name(&self, live: &str) -> String {
        let suffix = format!("_before_{}", self.backup.as_str().to_lowercase());
        let mut room = 63 - suffix.len().min(63);
        while !live.is_char_boundary(room.min(live.len())) {
            room -= 1;
        }
        format!("{}{suffix}", &live[..room.min(live.len())])
    }

    fn kept_mark(&self) -> String {
        format!(
            "ripcord: kept, replaced by a restore of backup {}",
            self.backup
        )
    }
}

/// What a switch did.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// The old database's name now.
    pub kept: String,
    /// How many sessions were ended.
    pub ended: u64,
    /// An earlier call had already done it; this one only made sure.
    pub already: bool,
}

impl PostgresSource {
    /// Puts a restored database in the place of the live one.
    ///
    /// New connections are refused, those that are open are ended, and when none is left both
    /// databases are renamed in one transaction that also carries over owner, grants, settings,
    /// connection limit and comment. The old database is kept. Called again after a crash it
    /// finds out from the catalogue how far it came, and finishes or reports.
    ///
    /// # Errors
    /// `NotFound` and `Conflict` when the catalogue does not show a verified restore of this
    /// backup beside the live database; `InUse` when sessions do not end in time;
    /// `PermissionDenied`, `Unreachable`, `Server`. The live database then takes connections
    /// again, as far as that can be told to the server.
    ///
    /// # Cancel safety
    /// None: dropping the future, or killing the process, may leave both databases refusing
    /// connections. Call again, which finishes it wherever it was cut off, or
    /// [`PostgresSource::reopen`], which undoes it.
    pub async fn switch(&self, switch: &Switch) -> Result<Switched, Error> {
        let live = self.conninfo.database();
        let kept = switch.kept_name(live);
        let client = self.alone_with(&[live, &switch.restored]).await?;
        if self.is_done(&client, switch, &kept).await? {
            open(&client, live).await?;
            return Ok(Switched {
                kept,
                ended: 0,
                already: true,
            });
        }
        match self.take_over(&client, switch, &kept).await {
            Ok(ended) => Ok(Switched {
                kept,
                ended,
                already: false,
            }),
            Err(error) => {
                let opened = open(&client, live).await;
                drop(open(&client, &switch.restored).await);
                // The session may be what broke; a new one waits until this one is over.
                drop(client);
                if opened.is_err() {
                    drop(self.reopen().await);
                }
                Err(error)
            }
        }
    }

    /// Whether this switch was already made, as the catalogue shows it once nothing of an earlier
    /// call is at work any more. Neither database needs to take connections.
    ///
    /// Ask this first when a restore and switch may be a repetition: behind the rename the
    /// restored database's name is free, and [`Vault::restore`] would fill it again.
    ///
    /// # Errors
    /// `Locked`, `Unreachable`, `PermissionDenied`, `Server`. A switch whose restored database is
    /// not there yet was not made.
    pub async fn switched(&self, switch: &Switch) -> Result<bool, Error> {
        let live = self.conninfo.database();
        let client = self.alone_with(&[live, &switch.restored]).await?;
        match self.is_done(&client, switch, &switch.kept_name(live)).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => {
                Ok(false)
            }
            other => other,
        }
    }

    /// Lets the live database take connections again, whatever a switch left, and with it every
    /// restored database of ours that a switch closed.
    ///
    /// # Errors
    /// `Locked`, `Unreachable`, `PermissionDenied`, `NotFound`, `Server`. Each database was tried
    /// all the same, the live one first.
    pub async fn reopen(&self) -> Result<(), Error> {
        let live = self.conninfo.database();
        let client = self.alone_with(&[live]).await?;
        let opened = open(&client, live).await;
        let closed = client
            .query(CLOSED, &[&VERIFIED])
            .await
            .map_err(|source| refused("look for closed copies of", live, source));
        opened?;
        let mut outcome = Ok(());
        for row in closed? {
            match open(&client, row.get(0)).await {
                // Dropped meanwhile, or it took the live one's place.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => outcome = outcome.and(other),
            }
        }
        outcome
    }

    /// Reads from the catalogue where an earlier switch came to.
    async fn is_done(&self, client: &Client, switch: &Switch, kept: &str) -> Result<bool, Error> {
        let live = self.conninfo.database();
        let failed = |kind, detail: String| Err(Error::new("switch", live, kind, detail));
        let live_is = Self::known(client, live).await?;
        let restored_is = Self::known(client, &switch.restored).await?;
        let kept_is = Self::known(client, kept).await?;
        match (live_is, restored_is, kept_is) {
            _ if switch.restored == live => failed(
                ErrorKind::InvalidInput,
                "it cannot take its own place".to_owned(),
            ),
            (Some(_), None, Some(old)) if old.is_marked(&switch.kept_mark()) => Ok(true),
            (Some(_), Some(new), None) if new.serves(&Vault::verified_mark(&switch.backup)) => {
                Ok(false)
            }
            (Some(_), Some(_), None) => failed(
                ErrorKind::Conflict,
                format!(
                    "{} is not a verified restore of backup {}",
                    switch.restored, switch.backup
                ),
            ),
            (Some(_), None, _) => failed(
                ErrorKind::NotFound,
                format!("there is no database {}", switch.restored),
            ),
            (_, _, Some(_)) => failed(
                ErrorKind::Conflict,
                format!("there is already a database {kept} from an earlier switch"),
            ),
            (None, _, _) => failed(ErrorKind::NotFound, "there is no such database".to_owned()),
        }
    }

    async fn take_over(&self, client: &Client, switch: &Switch, kept: &str) -> Result<u64, Error> {
        let live = self.conninfo.database();
        let deadline = Instant::now() + switch.deadline;
        // One transaction: both are closed, or none.
        client
            .batch_execute(&format!(
                "ALTER DATABASE {} ALLOW_CONNECTIONS false; \
                 ALTER DATABASE {} ALLOW_CONNECTIONS false",
                ident(live),
                ident(&switch.restored)
            ))
            .await
            .map_err(|source| refused("close", live, source))?;
        let mut ended = 0;
        loop {
            ended += self.end_sessions(client, switch, deadline).await?;
            match self.rename(client, switch, kept).await {
                Ok(()) => return Ok(ended),
                // Something came in between that is not a session, such as a vacuum worker.
                Err(error) if error.kind() == ErrorKind::InUse && Instant::now() < deadline => {
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn end_sessions(
        &self,
        client: &Client,
        switch: &Switch,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let live = self.conninfo.database();
        let failed = |source| refused("end the sessions of", live, source);
        let both = [live, switch.restored.as_str()];
        let mut ended = std::collections::BTreeSet::new();
        loop {
            let sessions = client
                .query(
                    "SELECT pid, pg_terminate_backend(pid), coalesce(usename::text, '-'), \
                     coalesce(application_name, '-') \
                     FROM pg_stat_activity WHERE datname::text = ANY ($1) AND pid <> pg_backend_pid()",
                    &[&both.as_slice()],
                )
                .await
                .map_err(failed)?;
            if sessions.is_empty() {
                return Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX));
            }
            ended.extend(sessions.iter().map(|row| row.get::<_, i32>(0)));
            if Instant::now() >= deadline {
                let names: Vec<String> = sessions
                    .iter()
                    .take(5)
                    .map(|row| {
                        let (pid, user, application): (i32, String, String) =
                            (row.get(0), row.get(2), row.get(3));
                        format!("pid {pid} of {user} ({application})")
                    })
                    .collect();
                return Err(Error::new(
                    "end the sessions of",
                    live,
                    ErrorKind::InUse,
                    format!("still there: {}", names.join(", ")),
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn rename(&self, client: &Client, switch: &Switch, kept: &str) -> Result<(), Error> {
        let live = self.conninfo.database();
        let mut statements = vec!["BEGIN".to_owned()];
        statements.extend(carry_over(client, live, Target::Database(&switch.restored)).await?);
        statements.extend([
            format!("ALTER DATABASE {} RENAME TO {}", ident(live), ident(kept)),
            format!(
                "ALTER DATABASE {} RENAME TO {}",
                ident(&switch.restored),
                ident(live)
            ),
            format!(
                "COMMENT ON DATABASE {} IS {}",
                ident(kept),
                literal(&switch.kept_mark())
            ),
            format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", ident(kept)),
            format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", ident(live)),
            "COMMIT".to_owned(),
        ]);
        for statement in &statements {
            if let Err(source) = client.batch_execute(statement).await {
                // Nothing to do if this fails too: the transaction ends with the session.
                drop(client.batch_execute("ROLLBACK").await);
                return Err(refused("switch", live, source));
            }
        }
        Ok(())
    }
}

async fn open(client: &Client, database: &str) -> Result<(), Error> {
    client
        .batch_execute(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS true",
            ident(database)
        ))
        .await
        .map_err(|source| refused("reopen", database, source))
}
