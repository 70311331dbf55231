use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::sqlite_lease;
use super::{Acquired, Event, Holder, Journal, Lease, Owner, Record};
use crate::{Error, ErrorKind};

/// The version of the tables and of what may stand in them, in `PRAGMA user_version`. Since 2 there are ways back of
/// migrations, which older programs do not know.
const VERSION: i64 = 2;
/// "RIPC", so that `file` and a reader can tell whose database this is.
const APPLICATION_ID: i64 = 0x5249_5043;
/// Room for the records of two attempts at going back: about 60 records of at most 4 KiB, WAL frames included.
const RESERVED_BYTES: u64 = 1024 * 1024;

const TABLES: &str = "
CREATE TABLE journal (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  deployment TEXT    NOT NULL,
  epoch      INTEGER NOT NULL,
  at         TEXT    NOT NULL,
  event      TEXT    NOT NULL,
  body       TEXT    NOT NULL
) STRICT;
CREATE INDEX journal_deployment ON journal (deployment);
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE lease (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  epoch    INTEGER NOT NULL,
  owner    TEXT,
  boot     TEXT    NOT NULL,
  beat_ms  INTEGER NOT NULL,
  ttl_ms   INTEGER NOT NULL
) STRICT;
INSERT INTO lease (id, epoch, owner, boot, beat_ms, ttl_ms) VALUES (1, 0, NULL, '', 0, 0);
";

/// A journal in one SQLite file: WAL, `synchronous=FULL`, readable with `sqlite3`, mode 0600.
///
/// Leases expire by the boot-time clock together with the boot's identity, so neither a suspended machine nor a
/// changed wall clock keeps or drops one wrongly. A holder on the same boot whose process is gone is dead at once.
#[derive(Debug, Clone)]
pub struct SqliteJournal {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteJournal {
    /// Opens the journal, and creates it and its folder (0700) when missing.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io), [`Journal`](ErrorKind::Journal), [`TooNew`](ErrorKind::TooNew).
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|e| {
                    Error::new("create the folder of", &name, ErrorKind::Io).with_source(e)
                })?;
        }
        // SQLite would create the file with the umask's mode.
        match fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
        {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::new("create", &name, ErrorKind::Io).with_source(e)),
        }
        let connection = Connection::open(path).map_err(|e| failed("open", path, e))?;
        let journal = Self::with(path, connection)?;
        journal.raise()?;
        Ok(journal)
    }

    /// Whoever may write makes it a journal of this version, which an older program then refuses.
    fn raise(&self) -> Result<(), Error> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fail = |e| failed("open", &self.path, e);
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(fail)?;
        if version < VERSION {
            connection
                .pragma_update(None, "user_version", VERSION)
                .map_err(fail)?;
        }
        Ok(())
    }

    /// Opens an existing journal for reading only; nothing is created. `None` when there is none yet.
    ///
    /// # Errors
    /// [`Journal`](ErrorKind::Journal), [`TooNew`](ErrorKind::TooNew).
    pub fn open_existing(path: &Path) -> Result<Option<Self>, Error> {
        let name = path.display().to_string();
        // What may not be seen is not absent.
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(e) => return Err(Error::new("read", name, ErrorKind::Io).with_source(e)),
        }
        let writable = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        let mode = if writable {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|e| failed("open", path, e))?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|e| failed("read", path, e))?;
        refuse_newer(path, version)?;
        if version == 0 {
            return Ok(None);
        }
        if writable {
            return Self::with(path, connection).map(Some);
        }
        Ok(Some(Self {
            path: path.to_owned(),
            connection: Arc::new(Mutex::new(connection)),
        }))
    }

    fn with(path: &Path, mut connection: Connection) -> Result<Self, Error> {
        let fail = |e| failed("open", path, e);
        connection
            .busy_timeout(Duration::from_secs(10))
            .map_err(fail)?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(fail)?;
        refuse_newer(path, version)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(fail)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(fail)?;
        if version == 0 {
            let tx = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(fail)?;
            // Somebody else may have been first.
            let now: i64 = tx
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .map_err(fail)?;
            refuse_newer(path, now)?;
            if now == 0 {
                tx.execute_batch(TABLES).map_err(fail)?;
                tx.pragma_update(None, "application_id", APPLICATION_ID)
                    .map_err(fail)?;
                tx.pragma_update(None, "user_version", VERSION)
                    .map_err(fail)?;
            }
            tx.commit().map_err(fail)?;
        }
        Ok(Self {
            path: path.to_owned(),
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn reserve_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".reserve");
        PathBuf::from(name)
    }

    async fn with_connection<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = Arc::clone(&self.connection);
        let joined = tokio::task::spawn_blocking(move || {
            let mut guard = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut guard)
        })
        .await;
        match joined {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Trouble::Fenced)) => Err(Error::new(
                operation,
                self.path.display().to_string(),
                ErrorKind::Fenced,
            )),
            Ok(Err(Trouble::Sqlite(e))) => Err(failed(operation, &self.path, e)),
            Ok(Err(Trouble::Body(e))) => Err(Error::new(
                operation,
                self.path.display().to_string(),
                ErrorKind::Journal,
            )
            .with_source(e)),
            Err(e) => Err(Error::new(
                operation,
                self.path.display().to_string(),
                ErrorKind::Journal,
            )
            .with_source(e)),
        }
    }

    async fn write(
        &self,
        lease: Option<u64>,
        deployment: &str,
        event: Event,
    ) -> Result<Record, Error> {
        let deployment = deployment.to_owned();
        let (one, two) = (deployment.clone(), event.clone());
        let first = self
            .with_connection("append to", move |c| insert(c, lease, one, two))
            .await;
        match first {
            Err(e)
                if e.kind() == ErrorKind::Journal
                    && fs::remove_file(self.reserve_path()).is_ok() =>
            {
                // The disk may be full: the reserve was kept for this record.
                self.with_connection("append to", move |c| insert(c, lease, deployment, event))
                    .await
            }
            other => other,
        }
    }
}

/// What can go wrong inside a transaction.
#[derive(Debug)]
pub(super) enum Trouble {
    Fenced,
    Sqlite(rusqlite::Error),
    Body(serde_json::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(e: serde_json::Error) -> Self {
        Self::Body(e)
    }
}

fn refuse_newer(path: &Path, version: i64) -> Result<(), Error> {
    if version > VERSION {
        return Err(
            Error::new("open", path.display().to_string(), ErrorKind::TooNew).because(format!(
                "its version is {version}, this program reads up to {VERSION}"
            )),
        );
    }
    Ok(())
}

fn failed(operation: &'static str, path: &Path, source: rusqlite::Error) -> Error {
    Error::new(operation, path.display().to_string(), ErrorKind::Journal).with_source(source)
}

fn insert(
    c: &mut Connection,
    lease: Option<u64>,
    deployment: String,
    event: Event,
) -> Result<Record, Trouble> {
    let tx = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let epoch: u64 = tx
        .query_row(
            "SELECT epoch FROM lease WHERE id = 1 AND (?1 IS NULL OR owner IS NOT NULL)",
            [lease],
            |r| r.get(0),
        )
        .map_err(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => Trouble::Fenced,
            other => Trouble::Sqlite(other),
        })?;
    if lease.is_some_and(|held| held != epoch) {
        return Err(Trouble::Fenced);
    }
    let at = Timestamp::now();
    let body = serde_json::to_value(&event)?;
    let name = body
        .get("event")
        .and_then(|v| v.as_str())
        .unwrap_or("unknown")
        .to_owned();
    tx.execute(
        "INSERT INTO journal (deployment, epoch, at, event, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![deployment, epoch, at.to_string(), name, body.to_string()],
    )?;
    let seq = u64::try_from(tx.last_insert_rowid()).unwrap_or_default();
    tx.commit()?;
    Ok(Record {
        seq,
        deployment,
        epoch,
        at,
        event,
    })
}

fn select(c: &Connection, deployment: Option<&str>) -> Result<Vec<Record>, Trouble> {
    let mut statement = c.prepare_cached(
        "SELECT seq, deployment, epoch, at, body FROM journal WHERE ?1 IS NULL OR deployment = ?1 ORDER BY seq",
    )?;
    let rows = statement.query_map([deployment], |row| {
        Ok((
            row.get::<_, u64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, u64>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, String>(4)?,
        ))
    })?;
    let mut records = Vec::new();
    for row in rows {
        let (seq, deployment, epoch, at, body) = row?;
        records.push(Record {
            seq,
            deployment,
            epoch,
            at: at.parse().unwrap_or(Timestamp::UNIX_EPOCH),
            event: serde_json::from_str(&body)?,
        });
    }
    Ok(records)
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, lease: &Lease, deployment: &str, event: Event) -> Result<Record, Error> {
        self.write(Some(lease.epoch), deployment, event).await
    }

    async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error> {
        self.write(None, deployment, event).await
    }

    async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error> {
        let deployment = deployment.map(str::to_owned);
        self.with_connection("read", move |c| select(c, deployment.as_deref()))
            .await
    }

    async fn acquire(&self, owner: &Owner, ttl: Duration) -> Result<Acquired, Error> {
        let owner = owner.clone();
        self.with_connection("take the lease in", move |c| {
            sqlite_lease::acquire(c, &owner, ttl)
        })
        .await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        let epoch = lease.epoch;
        self.with_connection("renew the lease in", move |c| sqlite_lease::renew(c, epoch))
            .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let epoch = lease.epoch;
        let ours = self
            .with_connection("give back the lease in", move |c| {
                sqlite_lease::release(c, epoch)
            })
            .await?;
        if ours {
            let _ = fs::remove_file(self.reserve_path());
        }
        Ok(())
    }

    async fn holder(&self) -> Result<Option<Holder>, Error> {
        self.with_connection("read the lease in", sqlite_lease::holder)
            .await
    }

    async fn reserve(&self) -> Result<(), Error> {
        let path = self.reserve_path();
        let name = path.display().to_string();
        tokio::task::spawn_blocking(move || {
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            rustix::fs::fallocate(
                &file,
                rustix::fs::FallocateFlags::empty(),
                0,
                RESERVED_BYTES,
            )?;
            file.sync_all()
        })
        .await
        .map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(|e| {
            Error::new(
                "reserve space for the rollback in",
                name,
                ErrorKind::Journal,
            )
            .with_source(e)
        })
    }
}
