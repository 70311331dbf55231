use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::source::PostgresSource;
use super::request::Extract;
use crate::{Destination, Error, Fingerprint, Format, Found, RestoreReport, Snapshot, Source};

/// Some tables of a PostgreSQL database, or some of their columns, as CSV files in a tar.
///
/// All of them are read in one snapshot. Generated columns are left out, which the snapshot's notes
/// say. A row of a table without a key is told from others by all of its values; single columns
/// need a primary key, or a unique index over columns that are never null.
///
/// A restore makes a database with plain tables of these columns: no keys, constraints or defaults,
/// and text for every type that the server does not bring along, such as enumerations, domains and
/// those of extensions. To put the rows back into the tables they came from there is
/// [`PostgresSource::put_back`].
#[derive(Clone, Debug)]
pub struct ExtractSource {
    pub(super) postgres: PostgresSource,
    pub(super) extracts: Vec<Extract>,
}

impl ExtractSource {
    /// These tables of this database; of its options neither `contents` nor `rows` nor
    /// `ignored_schemas` matters.
    #[must_use]
    pub fn new(mut postgres: PostgresSource, extracts: Vec<Extract>) -> Self {
        postgres.options.ignored_schemas.clear();
        Self { postgres, extracts }
    }
}

#[async_trait]
impl Source for ExtractSource {
    fn name(&self) -> &str {
        self.postgres.name()
    }

    fn format(&self) -> Format {
        Format::Extract
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        self.export(sink).await
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        self.count_tables(archive).await
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        self.load_into(archive, into).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        let snapshot = self.export(&mut tokio::io::sink()).await?;
        Ok(snapshot.fingerprint)
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.loaded(database).await
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        self.postgres.find(database).await
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        self.postgres.mark(database, purpose).await
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        self.postgres.discard(database).await
    }
}
