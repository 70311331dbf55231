use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::canonical::canonical;
use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, Fingerprint, SequenceState};

/// Queries that give (object, fact), each over all objects at once. `$1` holds the schemas to
/// leave out.
const SCHEMA: &[(&str, &str)] = &[
    ("schemas", include_str!("sql/schemas.sql")),
    ("relations", include_str!("sql/relations.sql")),
    ("columns", include_str!("sql/columns.sql")),
    ("constraints", include_str!("sql/constraints.sql")),
    ("functions", include_str!("sql/functions.sql")),
    ("types", include_str!("sql/types.sql")),
    ("others", include_str!("sql/others.sql")),
];

const EXTENSIONS: &str = "SELECT extname::text, extversion FROM pg_extension";

const COLUMN_ORDER: &str = include_str!("sql/column_order.sql");

impl PostgresSource {
    pub(super) async fn fingerprint_at(&self, database: &str) -> Result<Fingerprint, Error> {
        let client = self.session(database).await?;
        let facts = self.facts(&client).await?;
        let ahead = self.settled(&client, database).await?;
        let failed = |source| refused("take a snapshot of", database, source);
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(failed)?;
        let snapshot = self.export_snapshot(&client).await?;
        let sequences = self.sequences(&client).await?;
        let tables = self.list_tables(&client).await?;
        let begun = self.still_true(&client, ahead).await?;
        let (mut fingerprint, rows) = tokio::try_join!(
            self.read_definitions(&client, facts.version_num, sequences),
            self.read_rest(database, &snapshot, facts.version_num, &tables, &begun),
        )?;
        fingerprint.tables = rows;
        self.as_if_logged(database, &mut fingerprint);
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(fingerprint)
    }

    /// The definitions only, without looking at any row: the rest of the fingerprint is empty.
    ///
    /// # Errors
    /// `Unreachable`, `PermissionDenied`, `Server`.
    pub async fn definitions(&self) -> Result<Fingerprint, Error> {
        let client = self.session(self.conninfo.database()).await?;
        let facts = self.facts(&client).await?;
        Ok(Fingerprint {
            schema: self.schema(&client, facts.version_num).await?,
            extensions: self.extensions(&client).await?,
            column_order: self.column_order(&client).await?,
            ..Fingerprint::default()
        })
    }

    /// A name under which other sessions see what the transaction of `client` sees.
    pub(super) async fn export_snapshot(&self, client: &Client) -> Result<String, Error> {
        let row = client
            .query_one("SELECT pg_catalog.pg_export_snapshot()", &[])
            .await
            .map_err(|source| refused("export a snapshot of", self.conninfo.database(), source))?;
        Ok(row.get(0))
    }

    /// All but the rows of tables, in the transaction that `client` has open.
    pub(super) async fn read_definitions(
        &self,
        client: &Client,
        version_num: i32,
        mut sequences: BTreeMap<String, SequenceState>,
    ) -> Result<Fingerprint, Error> {
        self.add_needed(client, &mut sequences).await?;
        Ok(Fingerprint {
            schema: self.schema(client, version_num).await?,
            tables: BTreeMap::new(),
            sequences,
            large_objects: self.large_objects(client).await?,
            extensions: self.extensions(client).await?,
            column_order: self.column_order(client).await?,
        })
    }

    async fn schema(
        &self,
        client: &Client,
        version_num: i32,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        // What only newer versions have is named in the queries by a placeholder.
        let since = |version: i32, expression: &'static str| {
            if version_num >= version * 10_000 {
                expression
            } else {
                "NULL"
            }
        };
        let mut schema: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (what, sql) in SCHEMA {
            let sql = sql
                .replace(
                    ":compression",
                    since(14, "nullif(a.attcompression::text, '')"),
                )
                .replace(":trigger_parent", since(13, "t.tgparentid"));
            let rows = client
                .query(&sql, &[&self.options.ignored_schemas])
                .await
                .map_err(|source| refused("read the definitions of", *what, source))?;
            for row in rows {
                let (object, fact): (String, String) = (row.get(0), row.get(1));
                let fact = if object.starts_with("function ") {
                    fact
                } else {
                    canonical(&fact)
                };
                schema.entry(object).or_default().insert(fact);
            }
        }
        Ok(schema)
    }

    async fn extensions(&self, client: &Client) -> Result<BTreeMap<String, String>, Error> {
        let rows = client
            .query(EXTENSIONS, &[])
            .await
            .map_err(|source| refused("read the extensions of", "the database", source))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    async fn column_order(&self, client: &Client) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let rows = client
            .query(COLUMN_ORDER, &[&self.options.ignored_schemas])
            .await
            .map_err(|source| refused("read the column order of", "the database", source))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}
