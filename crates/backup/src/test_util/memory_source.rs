use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::fingerprint::hex;
use crate::{
    Destination, Error, ErrorKind, Fingerprint, Format, Found, RestoreReport, ServerFacts,
    Snapshot, Source, TableContent,
};

/// Tables as lists of rows.
type Tables = BTreeMap<String, Vec<String>>;

/// A server in memory: one live database and those restored from it. Clones are not the same
/// server; share it behind an `Arc`.
#[derive(Debug)]
pub struct MemorySource {
    name: String,
    state: Mutex<Server>,
}

#[derive(Debug, Default)]
struct Server {
    live: Tables,
    others: BTreeMap<String, Other>,
    /// How many databases were made; counts up, so that each has an identity.
    made: u64,
    fault: Option<Fault>,
}

/// A database beside the live one.
#[derive(Debug)]
struct Other {
    identity: u64,
    purpose: String,
    tables: Tables,
}

/// What goes wrong.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The dump breaks off after so many bytes.
    DumpBreaksOff(usize),
    /// The dump never ends, as when it waits for a lock.
    DumpHangs,
    /// The restore reports success and leaves a row out.
    RestoreLosesRow,
    /// The restore reports success and changes a row.
    RestoreChangesRow,
    /// Databases cannot be created.
    NoCreateDb,
    /// Databases cannot be dropped.
    NoDrop,
}

impl MemorySource {
    /// An empty database under this label.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: Mutex::default(),
        }
    }

    /// The same, with a table of these rows.
    #[must_use]
    pub fn with_rows<R: Into<String>>(
        self,
        table: impl Into<String>,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        let rows = rows.into_iter().map(Into::into).collect();
        self.server().live.insert(table.into(), rows);
        self
    }

    /// From now on this goes wrong; `None` for nothing.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.server().fault = fault;
    }

    /// Adds a row to the live database.
    pub fn insert(&self, table: &str, row: impl Into<String>) {
        self.server()
            .live
            .entry(table.to_owned())
            .or_default()
            .push(row.into());
    }

    /// Names of the databases beside the live one, with their purposes.
    #[must_use]
    pub fn databases(&self) -> BTreeMap<String, String> {
        self.server()
            .others
            .iter()
            .map(|(name, other)| (name.clone(), other.purpose.clone()))
            .collect()
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn error(&self, operation: &'static str, kind: ErrorKind, detail: &str) -> Error {
        Error::new(operation, &self.name, kind, detail)
    }
}

#[async_trait]
impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Other
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        let (live, fault) = {
            let server = self.server();
            (server.live.clone(), server.fault)
        };
        let mut bytes = serde_json::to_vec(&live).map_err(|source| {
            self.error("dump", ErrorKind::Server, "")
                .with_source(source)
        })?;
        match fault {
            Some(Fault::DumpHangs) => std::future::pending().await,
            Some(Fault::DumpBreaksOff(after)) => bytes.truncate(after),
            _ => {}
        }
        sink.write_all(&bytes).await.map_err(|source| {
            self.error("dump", ErrorKind::Store, &source.to_string())
                .with_source(source)
        })?;
        if let Some(Fault::DumpBreaksOff(_)) = fault {
            return Err(self.error("dump", ErrorKind::ToolFailed, "it broke off"));
        }
        let server = ServerFacts {
            version: "1".to_owned(),
            tool: "memory".to_owned(),
            system_identifier: Some(self.name.clone()),
            database: "live".to_owned(),
            database_oid: 1,
            lsn: None,
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::UNIX_EPOCH,
        };
        Ok(Snapshot::new(fingerprint(&live), server))
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        Ok(self.read(archive).await?.len() as u64)
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        {
            let mut server = self.server();
            if server.fault == Some(Fault::NoCreateDb) {
                return Err(self.error("restore", ErrorKind::PermissionDenied, "no databases"));
            }
            match server.others.get(&into.database) {
                Some(other) if other.purpose != into.purpose => {
                    return Err(self.error("restore", ErrorKind::AlreadyExists, ""));
                }
                _ => {}
            }
            server.made += 1;
            let made = Other {
                identity: server.made,
                purpose: into.purpose.clone(),
                tables: Tables::new(),
            };
            server.others.insert(into.database.clone(), made);
        }
        let mut tables = self.read(archive).await?;
        let mut server = self.server();
        let some_table = tables.values_mut().find(|rows| !rows.is_empty());
        match (server.fault, some_table) {
            (Some(Fault::RestoreLosesRow), Some(rows)) => drop(rows.pop()),
            (Some(Fault::RestoreChangesRow), Some(rows)) => rows[0].push('!'),
            _ => {}
        }
        if let Some(other) = server.others.get_mut(&into.database) {
            other.tables = tables;
        }
        Ok(RestoreReport::new(Duration::ZERO, Vec::new()))
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        Ok(fingerprint(&self.server().live))
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.server()
            .others
            .get(database)
            .map(|other| fingerprint(&other.tables))
            .ok_or_else(|| self.error("fingerprint", ErrorKind::NotFound, database))
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        let server = self.server();
        let other = server.others.get(database);
        Ok(other.map(|other| Found::new(other.identity, Some(other.purpose.clone()))))
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        match self.server().others.get_mut(database) {
            Some(other) => {
                purpose.clone_into(&mut other.purpose);
                Ok(())
            }
            None => Err(self.error("mark", ErrorKind::NotFound, database)),
        }
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        let mut server = self.server();
        if server.fault == Some(Fault::NoDrop) {
            return Err(self.error("drop", ErrorKind::PermissionDenied, database));
        }
        server.others.remove(database);
        Ok(())
    }
}

impl MemorySource {
    async fn read(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<Tables, Error> {
        let mut bytes = Vec::new();
        archive
            .read_to_end(&mut bytes)
            .await
            .map_err(|source| Error::reading_archive(&self.name, source))?;
        serde_json::from_slice(&bytes).map_err(|source| {
            self.error("read", ErrorKind::Corrupt, "this is not an archive")
                .with_source(source)
        })
    }
}

fn fingerprint(tables: &Tables) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    for (table, rows) in tables {
        let facts = BTreeSet::from(["rows of text".to_owned()]);
        fingerprint.schema.insert(format!("table {table}"), facts);
        let mut sorted = rows.clone();
        sorted.sort();
        let content = TableContent {
            rows: rows.len() as u64,
            hash: hex(&Sha256::digest(sorted.join("\n"))),
        };
        fingerprint.tables.insert(table.clone(), content);
    }
    fingerprint
}
