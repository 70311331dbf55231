//! An archive into a database of its own, to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tokio::io::AsyncRead;
use tokio_postgres::Client;

use super::super::session::{ident, refused};
use super::document::Described;
use super::reading::Reading;
use super::source::ExtractSource;
use crate::{Destination, Error, Fingerprint, RestoreReport, Stay};

const COLUMNS: &str = "
SELECT format('column %I.%I.', n.nspname, c.relname) || a.attname,
       'type ' || format_type(a.atttypid, a.atttypmod)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

impl ExtractSource {
    pub(super) async fn count_tables(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, Error> {
        let mut reading = Reading::begin(archive).await?;
        for _ in 0..reading.tables().len() {
            reading.skim().await?;
        }
        Ok(reading.end().await?.len() as u64)
    }

    pub(super) async fn load_into(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        let begun = Instant::now();
        // First, so that what is no export makes no database.
        let mut reading = Reading::begin(archive).await?;
        self.postgres.create_database(into).await?;
        let client = self.postgres.session(&into.database).await?;
        let failed = |source| refused("restore into", &into.database, source);
        // A crash makes it start over anyway.
        client
            .batch_execute("SET synchronous_commit TO off")
            .await
            .map_err(failed)?;
        for table in reading.tables().to_vec() {
            make(&client, &table).await?;
            reading.load(&client, &table.quoted()).await?;
        }
        reading.end().await?;
        if into.stay == Stay::Long {
            client.batch_execute("ANALYZE").await.map_err(failed)?;
        }
        Ok(RestoreReport::new(begun.elapsed(), Vec::new()))
    }

    /// What is in a database that [`Self::load_into`] made.
    pub(super) async fn loaded(&self, database: &str) -> Result<Fingerprint, Error> {
        let postgres = &self.postgres;
        let client = postgres.session(database).await?;
        let facts = postgres.facts(&client).await?;
        let failed = |source| refused("take a snapshot of", database, source);
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(failed)?;
        let snapshot = postgres.export_snapshot(&client).await?;
        let tables = postgres.list_tables(&client).await?;
        let mut schema: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in client.query(COLUMNS, &[]).await.map_err(failed)? {
            schema.entry(row.get(0)).or_default().insert(row.get(1));
        }
        let tables = postgres
            .read_rows(database, &snapshot, facts.version_num, &tables)
            .await?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(Fingerprint {
            schema,
            tables,
            ..Fingerprint::default()
        })
    }
}

/// A plain table of the exported columns.
async fn make(client: &Client, table: &Described) -> Result<(), Error> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{} {}", ident(&column.name), column.plain_type()))
        .collect();
    let sql = format!(
        "CREATE SCHEMA IF NOT EXISTS {}; CREATE TABLE {} ({})",
        ident(&table.schema),
        table.quoted(),
        columns.join(", ")
    );
    client
        .batch_execute(&sql)
        .await
        .map_err(|source| refused("make a copy of", &table.name, source))
}
