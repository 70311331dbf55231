//! Rows: counted and hashed, in any order.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, SequenceState, TableContent};

/// Tables per statement: fewer round trips, and an error still names few.
const AT_ONCE: usize = 50;

const TABLES: &str = include_str!("sql/tables.sql");
const SEQUENCES: &str = include_str!("sql/sequences.sql");
const FEEDS: &str = include_str!("sql/feeds.sql");

/// `OFFSET 0` keeps the row from being written out once per hash.
fn content_sql(index: usize, table: &str, columns: &str) -> String {
    format!(
        "SELECT {index}::int4, count(*), \
         coalesce(sum(hashtextextended(r, 0)::numeric), 0)::text || ':' || \
         coalesce(sum(hashtextextended(r, 7)::numeric), 0)::text \
         FROM (SELECT ROW({columns})::text COLLATE \"C\" AS r FROM ONLY {table} OFFSET 0) AS s"
    )
}

const LARGE_OBJECTS: &str = "
SELECT count(*),
       coalesce(sum(hashtextextended(r, 0)::numeric), 0)::text || ':' ||
       coalesce(sum(hashtextextended(r, 7)::numeric), 0)::text
FROM (SELECT ROW(oid, pg_get_userbyid(lomowner), md5(lo_get(oid)))::text COLLATE \"C\" AS r
      FROM pg_largeobject_metadata OFFSET 0) AS s";

impl PostgresSource {
    pub(super) async fn tables(
        &self,
        client: &Client,
    ) -> Result<BTreeMap<String, TableContent>, Error> {
        let rows = client
            .query(TABLES, &[&self.options.ignored_schemas])
            .await
            .map_err(|source| refused("list the tables of", "the database", source))?;
        let listed: Vec<(String, String)> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut tables = BTreeMap::new();
        for chunk in listed.chunks(AT_ONCE) {
            let parts: Vec<String> = chunk
                .iter()
                .enumerate()
                .map(|(index, (table, columns))| content_sql(index, table, columns))
                .collect();
            let rows = client
                .query(&parts.join(" UNION ALL "), &[])
                .await
                .map_err(|source| refused("read the rows of", subject(chunk), source))?;
            for row in rows {
                let index = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
                let Some((table, _)) = chunk.get(index) else {
                    continue;
                };
                let rows = u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
                let content = TableContent {
                    rows,
                    hash: row.get(2),
                };
                tables.insert(table.clone(), content);
            }
        }
        Ok(tables)
    }

    pub(super) async fn large_objects(
        &self,
        client: &Client,
    ) -> Result<Option<TableContent>, Error> {
        let row = client
            .query_one(LARGE_OBJECTS, &[])
            .await
            .map_err(|source| refused("read the large objects of", "the database", source))?;
        let rows = u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
        Ok((rows > 0).then(|| TableContent {
            rows,
            hash: row.get(1),
        }))
    }

    pub(super) async fn sequences(
        &self,
        client: &Client,
    ) -> Result<BTreeMap<String, SequenceState>, Error> {
        let rows = client
            .query(SEQUENCES, &[&self.options.ignored_schemas])
            .await
            .map_err(|source| refused("read the sequences of", "the database", source))?;
        Ok(rows
            .iter()
            .map(|row| {
                let state = SequenceState {
                    last: row.get(1),
                    increment: row.get(2),
                    needed: None,
                };
                (row.get(0), state)
            })
            .collect())
    }

    /// The furthest value in the columns that each sequence feeds.
    pub(super) async fn add_needed(
        &self,
        client: &Client,
        sequences: &mut BTreeMap<String, SequenceState>,
    ) -> Result<(), Error> {
        let failed = |source| refused("read the sequences of", "the database", source);
        let feeds = client
            .query(FEEDS, &[&self.options.ignored_schemas])
            .await
            .map_err(failed)?;
        for chunk in feeds.chunks(AT_ONCE) {
            let parts: Vec<String> = chunk
                .iter()
                .enumerate()
                .map(|(index, row)| {
                    let (table, column): (&str, &str) = (row.get(1), row.get(2));
                    let furthest = if row.get::<_, i64>(3) < 0 {
                        "min"
                    } else {
                        "max"
                    };
                    format!("SELECT {index}::int4, {furthest}({column})::int8 FROM {table}")
                })
                .collect();
            let rows = client
                .query(&parts.join(" UNION ALL "), &[])
                .await
                .map_err(failed)?;
            for row in rows {
                let index = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
                let (Some(feed), Some(value)) = (chunk.get(index), row.get::<_, Option<i64>>(1))
                else {
                    continue;
                };
                if let Some(state) = sequences.get_mut(feed.get::<_, &str>(0)) {
                    state.needed = Some(match state.needed {
                        Some(known) if state.increment < 0 => known.min(value),
                        Some(known) => known.max(value),
                        None => value,
                    });
                }
            }
        }
        Ok(())
    }
}

fn subject(chunk: &[(String, String)]) -> String {
    match chunk {
        [(only, _)] => only.clone(),
        [(first, _), .., (last, _)] => format!("the tables from {first} to {last}"),
        [] => String::new(),
    }
}
