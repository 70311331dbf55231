//! Fingerprints of a part of the rows, for those who know which tables were touched.

use std::collections::{BTreeMap, BTreeSet};

use super::content::Table;
use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, Fingerprint, TableContent};

impl PostgresSource {
    /// What is in another database on the same server, with the rows of the `wanted` tables only.
    /// Definitions, sequences and large objects are whole.
    ///
    /// # Errors
    /// As [`Source::fingerprint_of`](crate::Source::fingerprint_of).
    pub async fn fingerprint_of_tables(
        &self,
        database: &str,
        wanted: &(dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<Fingerprint, Error> {
        let client = self.session(database).await?;
        let facts = self.facts(&client).await?;
        let failed = |source| refused("take a snapshot of", database, source);
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(failed)?;
        let snapshot = self.export_snapshot(&client).await?;
        let sequences = self.sequences(&client).await?;
        let mut tables = self.list_tables(&client).await?;
        tables.retain(|table| wanted(&table.name));
        let (mut fingerprint, rows) = tokio::try_join!(
            self.read_definitions(&client, facts.version_num, sequences),
            self.read_rows(database, &snapshot, facts.version_num, &tables),
        )?;
        fingerprint.tables = rows;
        self.as_if_logged(database, &mut fingerprint);
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(fingerprint)
    }

    /// The rows of tables of another database on the same server, as far as these columns go: two
    /// states of a table can be compared although it has gained or lost others. Columns that are
    /// not there, and generated ones, are left out; so are tables of which nothing is left.
    ///
    /// # Errors
    /// As [`Source::fingerprint_of`](crate::Source::fingerprint_of).
    pub async fn contents_of_columns(
        &self,
        database: &str,
        wanted: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<BTreeMap<String, TableContent>, Error> {
        let client = self.session(database).await?;
        let facts = self.facts(&client).await?;
        let failed = |source| refused("take a snapshot of", database, source);
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(failed)?;
        let snapshot = self.export_snapshot(&client).await?;
        let tables: Vec<Table> = self
            .list_tables(&client)
            .await?
            .into_iter()
            .filter_map(|mut table| {
                let columns = wanted.get(&table.name)?;
                table.columns.retain(|column| columns.contains(column));
                (!table.columns.is_empty()).then_some(table)
            })
            .collect();
        let rows = self
            .read_rows(database, &snapshot, facts.version_num, &tables)
            .await?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(rows)
    }
}
