//! Rows: where they are, and reading them from the server.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::Mutex;
use tokio_postgres::Client;

use super::ahead::Begun;
use super::rows::{RowSum, Rows};
use super::session::{ident, literal, refused};
use super::source::PostgresSource;
use crate::{Error, ErrorKind, TableContent};

const TABLES: &str = include_str!("sql/tables.sql");

/// Pages that one statement reads of a large table, so that several can share it: 128 MiB.
const PAGES: i64 = 16 * 1024;

const LARGE_OBJECTS: &str = "
SELECT count(*),
       coalesce(sum(hashtextextended(r, 0)::numeric), 0)::text || ':' ||
       coalesce(sum(hashtextextended(r, 7)::numeric), 0)::text
FROM (SELECT ROW(oid, pg_get_userbyid(lomowner), md5(lo_get(oid)))::text COLLATE \"C\" AS r
      FROM pg_largeobject_metadata OFFSET 0) AS s";

/// A table that holds rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// As it is written in statements and fingerprints.
    pub(super) name: String,
    pub(super) schema: String,
    pub(super) relation: String,
    /// In physical order, without generated ones, whose values follow from the others.
    pub(super) columns: Vec<String>,
    pages: i64,
}

impl Table {
    /// The same, of so many pages.
    pub(super) fn of_size(&self, pages: i64) -> Self {
        Self {
            pages,
            ..self.clone()
        }
    }

    /// What this statement, one of [`Self::statements`], reads of it.
    pub(super) async fn read(&self, client: &Client, sql: &str) -> Result<RowSum, Error> {
        let failed = |source| refused("read the rows of", &self.name, source);
        let copy = client.copy_out(sql).await.map_err(failed)?;
        let mut copy = std::pin::pin!(copy);
        let mut rows = Rows::new(&self.columns);
        while let Some(piece) = copy.next().await {
            rows.feed(&piece.map_err(failed)?);
        }
        rows.end().ok_or_else(|| {
            Error::new(
                "read the rows of",
                &self.name,
                ErrorKind::Server,
                "they do not have the columns that the catalogue shows",
            )
        })
    }

    /// Statements that read all rows between them.
    pub(super) fn statements(&self, server: i32) -> Vec<String> {
        let columns: Vec<String> = self.columns.iter().map(|name| ident(name)).collect();
        let columns = columns.join(", ");
        let name = &self.name;
        // Only from 14 on is a range of rows found without reading the others.
        if self.pages <= PAGES || columns.is_empty() || server < 140_000 {
            let list = match columns.is_empty() {
                true => String::new(),
                false => format!(" ({columns})"),
            };
            return vec![format!("COPY {name}{list} TO STDOUT")];
        }
        let cuts: Vec<i64> = (0..)
            .map(|n| n * PAGES)
            .take_while(|from| *from < self.pages)
            .collect();
        cuts.iter()
            .enumerate()
            .map(|(n, from)| {
                let until = match cuts.get(n + 1) {
                    Some(until) => format!(" AND ctid < '({until},0)'"),
                    // The table may have grown since it was measured.
                    None => String::new(),
                };
                format!(
                    "COPY (SELECT {columns} FROM ONLY {name} WHERE ctid >= '({from},0)'{until}) TO STDOUT"
                )
            })
            .collect()
    }
}

impl PostgresSource {
    /// In the transaction that `client` has open.
    pub(super) async fn list_tables(&self, client: &Client) -> Result<Vec<Table>, Error> {
        let rows = client
            .query(TABLES, &[&self.options.ignored_schemas])
            .await
            .map_err(|source| refused("list the tables of", "the database", source))?;
        Ok(rows
            .iter()
            .map(|row| Table {
                name: row.get(0),
                schema: row.get(1),
                relation: row.get(2),
                columns: row.get(3),
                pages: row.get(4),
            })
            .collect())
    }

    /// Reads the rows of these tables on several sessions, all in one snapshot.
    pub(super) async fn read_rows(
        &self,
        database: &str,
        snapshot: &str,
        server: i32,
        tables: &[Table],
    ) -> Result<BTreeMap<String, TableContent>, Error> {
        self.read_rest(database, snapshot, server, tables, &BTreeMap::new())
            .await
    }

    /// The same, and of tables that were begun only the rest.
    pub(super) async fn read_rest(
        &self,
        database: &str,
        snapshot: &str,
        server: i32,
        tables: &[Table],
        begun: &BTreeMap<String, Begun>,
    ) -> Result<BTreeMap<String, TableContent>, Error> {
        // The largest first, so that none is left alone at the end.
        let mut order: Vec<usize> = (0..tables.len()).collect();
        order.sort_by_key(|index| tables[*index].pages);
        let work: Vec<(usize, String)> = order
            .into_iter()
            .flat_map(|index| {
                let statements = match begun.get(&tables[index].name) {
                    Some(begun) => begun.left.clone(),
                    None => tables[index].statements(server),
                };
                statements.into_iter().map(move |sql| (index, sql))
            })
            .collect();
        let sessions = self.options.jobs.get().min(work.len());
        let work = Mutex::new(work);
        let mut readers: FuturesUnordered<_> = (0..sessions)
            .map(|_| self.read_some(database, snapshot, tables, &work))
            .collect();
        let mut sums: Vec<RowSum> = tables
            .iter()
            .map(|table| begun.get(&table.name).map(|begun| begun.sum))
            .map(Option::unwrap_or_default)
            .collect();
        while let Some(read) = readers.next().await {
            for (index, sum) in read? {
                sums[index] = sums[index].and(sum);
            }
        }
        Ok(tables
            .iter()
            .zip(sums)
            .map(|(table, sum)| (table.name.clone(), sum.content()))
            .collect())
    }

    async fn read_some(
        &self,
        database: &str,
        snapshot: &str,
        tables: &[Table],
        work: &Mutex<Vec<(usize, String)>>,
    ) -> Result<Vec<(usize, RowSum)>, Error> {
        let client = self.session(database).await?;
        client
            .batch_execute(&format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
                literal(snapshot)
            ))
            .await
            .map_err(|source| refused("share a snapshot of", database, source))?;
        let mut read = Vec::new();
        loop {
            let Some((index, sql)) = work.lock().await.pop() else {
                return Ok(read);
            };
            read.push((index, tables[index].read(&client, &sql).await?));
        }
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
}
