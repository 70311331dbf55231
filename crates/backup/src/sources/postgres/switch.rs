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

/// The database that the newest switch of `$2` kept, with the time, if its mark begins with `$1`.
const KEPT: &str = "
WITH kept AS (
    SELECT datname::text AS name, mark, substring(mark FROM ', at ([^,]*)$') AS at
    FROM (SELECT datname, shobj_description(oid, 'pg_database') AS mark FROM pg_database) AS d
    WHERE starts_with(mark, $2))
SELECT name, at FROM kept
WHERE at = (SELECT max(at) FROM kept) AND starts_with(mark, $1) LIMIT 1";

const NOW: &str =
    "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";

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

    /// The name under which the old database is kept, unless an earlier switch to the same backup
    /// took it: the live one's, with the backup's date.
    #[must_use]
    pub fn kept_name(&self, live: &str) -> String {
        self.kept_as(live, "")
    }

    fn kept_as(&self, live: &str, distinction: &str) -> String {
        let backup = self.backup.as_str().to_lowercase();
        let suffix = format!("_before_{backup}{distinction}");
        let mut room = 63 - suffix.len().min(63);
        while !live.is_char_boundary(room.min(live.len())) {
            room -= 1;
        }
        format!("{}{suffix}", &live[..room.min(live.len())])
    }

    /// Up to the time. The restored database's name tells this switch from another one to the
    /// same backup.
    fn kept_mark(&self, live: &str) -> String {
        let (kept, restored, backup) = (kept_instead_of(live), &self.restored, &self.backup);
        format!("{kept}{restored:?}, a restore of backup {backup}, at ")
    }
}

/// What a switch did.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// The old database's name now.
    pub kept: String,
    /// When, by the server's clock: `2026-11-20T11:04:58.120Z`.
    pub at: String,
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
    /// finds out from the catalogue how far it came, and finishes or reports. To go back to the same
    /// backup once more, restore it under another name and switch to that.
    ///
    /// # Errors
    /// `NotFound` and `Conflict` when the catalogue does not show a verified restore of this
    /// backup beside the live database, or prepared transactions are in the way; `InUse` when sessions do not end in time;
    /// `PermissionDenied`, `Unreachable`, `Server`. The live database then takes connections
    /// again, as far as that can be told to the server.
    ///
    /// # Cancel safety
    /// None: dropping the future, or killing the process, may leave both databases refusing
    /// connections. Call again, which finishes it wherever it was cut off, or
    /// [`PostgresSource::reopen`], which undoes it.
    pub async fn switch(&self, switch: &Switch) -> Result<Switched, Error> {
        let live = self.conninfo.database();
        let client = self.alone_with(&[live, &switch.restored]).await?;
        if let Some(done) = self.done_before(&client, switch).await? {
            open(&client, live).await?;
            return Ok(done);
        }
        match self.go_over(&client, switch).await {
            // An earlier call that was cut off may have closed them, too.
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
            done => done,
        }
    }

    async fn go_over(&self, client: &Client, switch: &Switch) -> Result<Switched, Error> {
        // Before anybody is thrown out.
        let obstacles = self.obstacles(client).await?;
        obstacles.none("switch", self.conninfo.database())?;
        let kept = self.kept_from_now(client, switch).await?;
        let ended = self.take_over(client, switch, &kept).await?;
        Ok(Switched {
            kept: kept.name,
            at: kept.at,
            ended,
            already: false,
        })
    }

    /// Whether this switch was already made, as the catalogue shows it once nothing of an earlier
    /// call is at work any more. Neither database needs to take connections.
    ///
    /// Ask this first when a restore and switch may be a repetition: behind the rename the
    /// restored database's name is free, and [`Vault::restore`] would fill it again.
    ///
    /// # Errors
    /// `Locked`, `Unreachable`, `PermissionDenied`, `Server`. A switch whose restored database is
    /// not there yet was not made, one whose restored database is there again is another, and one
    /// that a later switch undid has to be made anew.
    pub async fn switched(&self, switch: &Switch) -> Result<bool, Error> {
        let live = self.conninfo.database();
        let client = self.alone_with(&[live, &switch.restored]).await?;
        match self.done_before(&client, switch).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => {
                Ok(false)
            }
            other => Ok(other?.is_some()),
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

    /// As [`Self::reopen`], if a switch was cut off between closing and renaming.
    pub(super) async fn reopen_if_cut_off(&self) -> Result<(), Error> {
        let closed = self
            .maintenance()
            .await?
            .query(CLOSED, &[&VERIFIED])
            .await
            .map_err(|source| refused("look for closed copies of", self.database(), source))?;
        match closed.is_empty() {
            true => Ok(()),
            false => self.reopen().await,
        }
    }

    /// What an earlier call of this switch did, as the catalogue shows it; `None` when it is still
    /// to be done.
    async fn done_before(
        &self,
        client: &Client,
        switch: &Switch,
    ) -> Result<Option<Switched>, Error> {
        let live = self.conninfo.database();
        let failed = |kind, detail: String| Err(Error::new("switch", live, kind, detail));
        if switch.restored == live {
            let detail = "it cannot take its own place";
            return failed(ErrorKind::InvalidInput, detail.to_owned());
        }
        if Self::known(client, live).await?.is_none() {
            let detail = "there is no such database";
            return failed(ErrorKind::NotFound, detail.to_owned());
        }
        match Self::known(client, &switch.restored).await? {
            Some(new) if new.serves(&Vault::verified_mark(&switch.backup)) => return Ok(None),
            Some(_) => {
                let detail = format!(
                    "{} is not a verified restore of backup {}",
                    switch.restored, switch.backup
                );
                return failed(ErrorKind::Conflict, detail);
            }
            None => {}
        }
        let row = client
            .query_opt(KEPT, &[&switch.kept_mark(live), &kept_instead_of(live)])
            .await
            .map_err(|source| refused("look for what was kept of", live, source))?;
        match row {
            Some(row) => Ok(Some(Switched {
                kept: row.get(0),
                at: row.get(1),
                ended: 0,
                already: true,
            })),
            None => failed(
                ErrorKind::NotFound,
                format!("there is no database {}", switch.restored),
            ),
        }
    }

    /// A name that is free, for the database that is live now.
    async fn kept_from_now(&self, client: &Client, switch: &Switch) -> Result<Kept, Error> {
        let live = self.conninfo.database();
        let failed = |source| refused("find a name for", live, source);
        let at: String = client.query_one(NOW, &[]).await.map_err(failed)?.get(0);
        let stamp = at.replace(['-', ':', '.'], "").to_lowercase();
        let distinctions = ["".to_owned(), format!("_{stamp}")]
            .into_iter()
            .chain((2..).map(|count: u32| format!("_{stamp}_{count}")));
        for distinction in distinctions {
            let name = switch.kept_as(live, &distinction);
            if Self::known(client, &name).await?.is_none() {
                return Ok(Kept { name, at });
            }
        }
        let detail = "all names are taken";
        Err(Error::new(
            "find a name for",
            live,
            ErrorKind::Conflict,
            detail,
        ))
    }

    async fn take_over(&self, client: &Client, switch: &Switch, kept: &Kept) -> Result<u64, Error> {
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

    async fn rename(&self, client: &Client, switch: &Switch, kept: &Kept) -> Result<(), Error> {
        let live = self.conninfo.database();
        let mut statements = vec!["BEGIN".to_owned()];
        statements.extend(carry_over(client, live, Target::Database(&switch.restored)).await?);
        statements.extend([
            format!(
                "ALTER DATABASE {} RENAME TO {}",
                ident(live),
                ident(&kept.name)
            ),
            format!(
                "ALTER DATABASE {} RENAME TO {}",
                ident(&switch.restored),
                ident(live)
            ),
            format!(
                "COMMENT ON DATABASE {} IS {}",
                ident(&kept.name),
                literal(&format!("{}{}", switch.kept_mark(live), kept.at))
            ),
            format!(
                "ALTER DATABASE {} ALLOW_CONNECTIONS true",
                ident(&kept.name)
            ),
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

/// What becomes of the old database.
struct Kept {
    name: String,
    at: String,
}

/// How the marks of databases begin that were once live under this name.
fn kept_instead_of(live: &str) -> String {
    format!("ripcord: kept, {live:?} was replaced by ")
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
