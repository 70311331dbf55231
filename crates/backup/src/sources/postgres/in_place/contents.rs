//! Rows, sequences and large objects, from one session to another.

use futures::{SinkExt as _, StreamExt as _};
use tokio_postgres::Client;

use super::super::session::refused;
use super::super::source::PostgresSource;
use crate::{Error, TableContent};

/// How much of a large object is held at once, in bytes.
const PIECE: i32 = 1 << 20;

/// Tables with rows of their own. Of an extension's those, and the rows, that it calls the user's.
const TABLES: &str = "
SELECT format('%I.%I', n.nspname, c.relname),
       coalesce(string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), ''),
       coalesce(config.condition, '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN (SELECT t.relation, t.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS t(relation, condition))
     AS config ON config.relation = c.oid
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1)
  AND (config.relation IS NOT NULL
       OR NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e'))
GROUP BY n.nspname, c.relname, config.condition
ORDER BY 1";

const SEQUENCES: &str = "
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')";

const LARGE_OBJECTS: &str = "SELECT oid FROM pg_largeobject_metadata ORDER BY oid";

/// A table that is copied.
pub(super) struct Table {
    /// As in SQL.
    name: String,
    columns: String,
    /// `WHERE ...`, or nothing.
    condition: String,
}

impl Table {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn copy(&self, from: &Client, into: &Client) -> Result<(), Error> {
        let Self {
            name,
            columns,
            condition,
        } = self;
        let read = |source| refused("read the rows of", name, source);
        let write = |source| refused("write the rows of", name, source);
        let list = match columns.as_str() {
            "" => String::new(),
            columns => format!(" ({columns})"),
        };
        let rows = from
            .copy_out(&format!(
                "COPY (SELECT {columns} FROM ONLY {name} {condition}) TO STDOUT"
            ))
            .await
            .map_err(read)?;
        let sink = into
            .copy_in(&format!("COPY {name}{list} FROM STDIN"))
            .await
            .map_err(write)?;
        let (mut rows, mut sink) = (std::pin::pin!(rows), std::pin::pin!(sink));
        while let Some(piece) = rows.next().await {
            sink.feed(piece.map_err(read)?).await.map_err(write)?;
        }
        sink.finish().await.map_err(write)?;
        Ok(())
    }

    /// How many rows, and a sum over them that does not depend on their order.
    pub(super) async fn content(&self, client: &Client) -> Result<TableContent, Error> {
        let Self {
            name,
            columns,
            condition,
        } = self;
        let sql = format!(
            "SELECT count(*), coalesce(sum(hashtextextended(ROW({columns})::text, 0)::numeric), 0)::text \
             FROM ONLY {name} {condition}"
        );
        let row = client
            .query_one(&sql, &[])
            .await
            .map_err(|source| refused("compare the rows of", name, source))?;
        Ok(TableContent {
            rows: u64::try_from(row.get::<_, i64>(0)).unwrap_or(0),
            hash: row.get(1),
        })
    }
}

impl PostgresSource {
    pub(super) async fn tables_of(
        &self,
        client: &Client,
        keep: &[String],
    ) -> Result<Vec<Table>, Error> {
        let rows = client
            .query(TABLES, &[&keep])
            .await
            .map_err(|source| refused("list the tables of", self.database(), source))?;
        Ok(rows
            .iter()
            .map(|row| Table {
                name: row.get(0),
                columns: row.get(1),
                condition: row.get(2),
            })
            .collect())
    }

    pub(super) async fn copy_sequences(
        &self,
        from: &Client,
        into: &Client,
        keep: &[String],
    ) -> Result<(), Error> {
        let failed = |source| refused("copy the sequences into", self.database(), source);
        for row in from.query(SEQUENCES, &[&keep]).await.map_err(failed)? {
            let name: String = row.get(0);
            let sql = format!("SELECT last_value, is_called FROM {name}");
            let state = from.query_one(&sql, &[]).await.map_err(failed)?;
            let (last, called): (i64, bool) = (state.get(0), state.get(1));
            let sql = "SELECT pg_catalog.setval($1::text::regclass, $2, $3)";
            into.query_one(sql, &[&name, &last, &called])
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    /// They are there already, empty, with their owners and grants.
    pub(super) async fn copy_large_objects(
        &self,
        from: &Client,
        into: &Client,
    ) -> Result<(), Error> {
        let failed = |source| refused("copy the large objects into", self.database(), source);
        for row in from.query(LARGE_OBJECTS, &[]).await.map_err(failed)? {
            let object: u32 = row.get(0);
            let mut at = 0_i64;
            loop {
                let read = "SELECT pg_catalog.lo_get($1, $2, $3)";
                let row = from
                    .query_one(read, &[&object, &at, &PIECE])
                    .await
                    .map_err(failed)?;
                let piece: &[u8] = row.get(0);
                if piece.is_empty() {
                    break;
                }
                let write = "SELECT pg_catalog.lo_put($1, $2, $3)";
                into.execute(write, &[&object, &at, &piece])
                    .await
                    .map_err(failed)?;
                at += i64::try_from(piece.len()).unwrap_or(i64::MAX);
            }
        }
        Ok(())
    }
}
