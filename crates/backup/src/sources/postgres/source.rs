use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ripcord_conninfo::Conninfo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::ahead::Ahead;
use super::options::{Layout, PostgresOptions};
use crate::{
    Destination, Error, Fingerprint, Format, Found, Hold, Progress, RestoreReport, Snapshot,
    Source, TableWrites, WriteCounters,
};

/// A PostgreSQL database, version 12 or later.
///
/// Dumps with the `pg_dump` of the server's major version, or a later one. Children get the
/// password by environment, never by argv, and are killed when the future is dropped.
#[derive(Clone, Debug)]
pub struct PostgresSource {
    pub(super) conninfo: Conninfo,
    pub(super) options: PostgresOptions,
    label: String,
    copies: Arc<Mutex<HashMap<String, Restored>>>,
}

/// What is known of a restored database beyond what it shows.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// Until somebody asks for it.
    pub(super) ahead: Ahead,
    /// What was made unlogged, as fingerprints name it.
    pub(super) unlogged: BTreeSet<String>,
}

impl PostgresSource {
    /// The database that `conninfo` names.
    #[must_use]
    pub fn new(conninfo: Conninfo, options: PostgresOptions) -> Self {
        let conninfo = conninfo.with_application_name(&options.application_name);
        let (conninfo, label) = match &options.container {
            None => {
                let label = conninfo.to_string();
                (conninfo, label)
            }
            Some(container) => {
                let relay = container.relay(&conninfo);
                let label = format!("{conninfo} in {}", container.name);
                (conninfo.with_proxy(relay), label)
            }
        };
        Self {
            conninfo,
            options,
            label,
            copies: Arc::default(),
        }
    }

    /// Databases that were restored and not discarded.
    pub(super) fn copies(&self) -> MutexGuard<'_, HashMap<String, Restored>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        self.conninfo.database()
    }

    /// Rows written to each table since a snapshot: an estimate of what going back to it would
    /// lose. `None` when the server's statistics were reset in between.
    ///
    /// # Errors
    /// `Unreachable`, `PermissionDenied`, `Server`.
    pub async fn writes_since(
        &self,
        snapshot: &WriteCounters,
    ) -> Result<Option<std::collections::BTreeMap<String, TableWrites>>, Error> {
        Ok(snapshot.until(&self.write_counters().await?))
    }
}

#[async_trait]
impl Source for PostgresSource {
    fn name(&self) -> &str {
        &self.label
    }

    fn format(&self) -> Format {
        match self.options.layout {
            Layout::Stream => Format::PgCustom,
            Layout::Directory => Format::PgDirectory,
        }
    }

    async fn size(&self) -> Result<Option<u64>, Error> {
        let client = self.session(self.conninfo.database()).await?;
        self.database_size(&client).await.map(Some)
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        self.dump_snapshot(sink, &()).await
    }

    async fn dump_watched(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Snapshot, Error> {
        self.dump_snapshot(sink, progress).await
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        self.count_entries(archive).await
    }

    async fn hold(&self, database: &str) -> Result<Hold, Error> {
        self.hold_name(database).await
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        self.restore_into(archive, into).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        self.fingerprint_at(self.conninfo.database()).await
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.fingerprint_at(database).await
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        self.find_database(database).await
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        self.set_purpose(database, purpose).await
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        self.copies().remove(database);
        self.drop_made_by_us(database).await
    }
}
