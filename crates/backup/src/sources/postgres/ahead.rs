//! Rows read back while the rest is still being restored.
//!
//! A restore leaves processors idle: rows that come from a stream are written by one session, and
//! of several sessions one is the last. What is read meanwhile counts only if nobody touched the
//! table afterwards, which its file and the server's counters of changed rows tell; a table of
//! which they tell anything else is read again.

use std::collections::BTreeMap;
use std::time::Duration;

use ripcord_conninfo::Session;
use tokio::sync::watch;

use super::content::Table;
use super::rows::RowSum;
use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, ErrorKind};

/// Before that the counters arrive late, and a change could be missed.
const SINCE: i32 = 150_000;

/// Whoever restores is never kept waiting for longer than one statement of ours, and we do not
/// wait for it: another table will do.
const IMPATIENT: &str = "SET lock_timeout = '200ms'";

/// Between two looks for tables whose rows have arrived.
const PAUSE: Duration = Duration::from_millis(100);

/// Rows are counted as inserted when their transaction has committed, so a table with a count is
/// one that can be read.
const MARKS: &str = "
SELECT format('%I.%I', n.nspname, c.relname), c.relfilenode,
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid),
       pg_stat_get_tuples_deleted(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%'
  AND pg_stat_get_tuples_inserted(c.oid) > 0
ORDER BY 3 DESC";

const PAGES: &str =
    "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::int8";

/// A session counts what it changed when it ends, if not before.
const OTHERS: &str = "
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// How often to look whether the sessions that restored have ended.
const LOOKS: u32 = 100;

/// What was read of a database so far, by table.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    tables: BTreeMap<String, Begun>,
}

/// A table of which some rows have been read.
#[derive(Debug)]
pub(super) struct Begun {
    mark: Mark,
    pub(super) sum: RowSum,
    /// Statements that read the others.
    pub(super) left: Vec<String>,
}

/// The same before and after: nobody changed a row in between.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    file: u32,
    inserted: i64,
    updated: i64,
    deleted: i64,
}

impl PostgresSource {
    /// Restores, and reads meanwhile what has arrived.
    pub(super) async fn reading_ahead<T>(
        &self,
        database: &str,
        restore: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (over, is_over) = watch::channel(false);
        let restore = async {
            let restored = restore.await;
            over.send_replace(true);
            restored
        };
        let (restored, ahead) = tokio::join!(restore, self.read_ahead(database, is_over));
        let restored = restored?;
        self.copies().entry(database.to_owned()).or_default().ahead = ahead;
        Ok(restored)
    }

    /// Never fails: what cannot be read now is read in the end, and then it matters.
    async fn read_ahead(&self, database: &str, mut is_over: watch::Receiver<bool>) -> Ahead {
        let mut ahead = Ahead::default();
        let read = async {
            let client = self.session(database).await?;
            let version = self.facts(&client).await?.version_num;
            if version < SINCE {
                return Ok(());
            }
            client
                .batch_execute(IMPATIENT)
                .await
                .map_err(|source| refused("set up a session on", database, source))?;
            let mut tables = BTreeMap::new();
            while !*is_over.borrow() {
                self.read_arrived(&client, version, &mut tables, &mut ahead, &is_over)
                    .await?;
                // A sender that is gone has said that it is over.
                drop(tokio::time::timeout(PAUSE, is_over.changed()).await);
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = read.await {
            tracing::debug!(%database, %error, "stopped reading rows ahead");
        }
        ahead
    }

    /// All tables that have arrived by now.
    async fn read_arrived(
        &self,
        client: &Session,
        version: i32,
        tables: &mut BTreeMap<String, Table>,
        ahead: &mut Ahead,
        is_over: &watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let marks = marks(client).await?;
        if marks.iter().any(|(name, _)| !tables.contains_key(name)) {
            let listed = self.list_tables(client).await?;
            tables.extend(listed.into_iter().map(|table| (table.name.clone(), table)));
        }
        for (name, mark) in marks {
            let Some(table) = tables.get(&name) else {
                continue;
            };
            if ahead
                .tables
                .get(&name)
                .is_some_and(|begun| begun.mark != mark)
            {
                ahead.tables.remove(&name);
            }
            if let Err(error) = read_on(client, version, table, mark, ahead, is_over).await
                && error.kind() != ErrorKind::Locked
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// What was read of this database while it was restored and still holds, in the transaction
    /// that `client` has open; [`Self::settled`] has to be asked before it is opened.
    pub(super) async fn still_true(
        &self,
        client: &Session,
        mut ahead: Ahead,
    ) -> Result<BTreeMap<String, Begun>, Error> {
        if ahead.tables.is_empty() {
            return Ok(BTreeMap::new());
        }
        let now: BTreeMap<String, Mark> = marks(client).await?.into_iter().collect();
        ahead
            .tables
            .retain(|name, begun| now.get(name) == Some(&begun.mark));
        Ok(ahead.tables)
    }

    /// What was read of this database while it was restored; nothing while somebody else is
    /// connected to it.
    pub(super) async fn settled(&self, client: &Session, database: &str) -> Result<Ahead, Error> {
        let ahead = match self.copies().get_mut(database) {
            Some(copy) => std::mem::take(&mut copy.ahead),
            None => return Ok(Ahead::default()),
        };
        for _ in 0..LOOKS {
            let row = client
                .query_one(OTHERS, &[])
                .await
                .map_err(|source| refused("look for sessions of", database, source))?;
            if row.get::<_, i64>(0) == 0 {
                return Ok(ahead);
            }
            tokio::time::sleep(PAUSE / 10).await;
        }
        Ok(Ahead::default())
    }
}

/// The rest of this table, or as much as there is time for.
async fn read_on(
    client: &Session,
    version: i32,
    table: &Table,
    mark: Mark,
    ahead: &mut Ahead,
    is_over: &watch::Receiver<bool>,
) -> Result<(), Error> {
    let begun = match ahead.tables.entry(table.name.clone()) {
        std::collections::btree_map::Entry::Occupied(begun) => begun.into_mut(),
        std::collections::btree_map::Entry::Vacant(place) => {
            let row = client
                .query_one(PAGES, &[&table.name])
                .await
                .map_err(|source| refused("measure", &table.name, source))?;
            place.insert(Begun {
                mark,
                sum: RowSum::default(),
                left: table.of_size(row.get(0)).statements(version),
            })
        }
    };
    while let Some(sql) = begun.left.last() {
        if *is_over.borrow() {
            return Ok(());
        }
        let sum = table.read(client, sql).await?;
        begun.sum = begun.sum.and(sum);
        begun.left.pop();
    }
    Ok(())
}

async fn marks(client: &Session) -> Result<Vec<(String, Mark)>, Error> {
    let rows = client
        .query(MARKS, &[])
        .await
        .map_err(|source| refused("look which tables changed in", "the database", source))?;
    Ok(rows
        .iter()
        .map(|row| {
            let mark = Mark {
                file: row.get(1),
                inserted: row.get(2),
                updated: row.get(3),
                deleted: row.get(4),
            };
            (row.get(0), mark)
        })
        .collect())
}
