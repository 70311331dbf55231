//! Scratch copies without a write-ahead log: nobody will recover one after a crash, and neither
//! replicas nor a log archive are to carry each proof of a backup.

use std::collections::BTreeSet;

use ripcord_conninfo::Session;

use super::custom::MustBeLogged;
use super::session::refused;
use super::source::PostgresSource;
use crate::{Destination, Error, Fingerprint};

/// With more tables than this it takes longer than it saves: each gets a new file.
const MOST: usize = 1000;

/// So many at a time, because each takes up to four locks.
const BATCH: usize = 50;

/// Tables, and sequences that belong to their columns, by persistence.
const RELATIONS: &str = "
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
       format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'S') AND c.relpersistence::text = $1
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')";

const PARTITIONED: &str = "
SELECT n.nspname::text, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'";

impl PostgresSource {
    /// Makes the empty tables of a scratch copy unlogged, and remembers which, so that its
    /// fingerprint says what the archive says. Those that cannot be stay as they are.
    ///
    /// # Errors
    /// `Unreachable`, `Server`: it cannot be told which they are.
    pub(super) async fn without_log(
        &self,
        into: &Destination,
        must_be_logged: &MustBeLogged,
    ) -> Result<(), Error> {
        let made = self.make_unlogged(&into.database, must_be_logged).await?;
        let mut copies = self.copies();
        copies.entry(into.database.clone()).or_default().unlogged = made;
        Ok(())
    }

    /// Takes back from the fingerprint of a scratch copy what [`Self::without_log`] did to it.
    pub(super) fn as_if_logged(&self, database: &str, fingerprint: &mut Fingerprint) {
        let copies = self.copies();
        let unlogged = copies
            .get(database)
            .into_iter()
            .flat_map(|copy| &copy.unlogged);
        for object in unlogged {
            if let Some(facts) = fingerprint.schema.get_mut(object) {
                facts.remove("unlogged");
            }
        }
    }

    async fn make_unlogged(
        &self,
        database: &str,
        must_be_logged: &MustBeLogged,
    ) -> Result<BTreeSet<String>, Error> {
        let client = self.session(database).await?;
        let before = relations(&client, "p").await?;
        let tables: Vec<&str> = before
            .iter()
            .filter(|(kind, _)| kind == "table")
            .map(|(_, name)| name.as_str())
            .collect();
        if tables.len() > MOST || in_the_way(&client, must_be_logged).await? {
            return Ok(BTreeSet::new());
        }
        for batch in tables.chunks(BATCH) {
            let sql: String = batch
                .iter()
                .map(|name| format!("ALTER TABLE {name} SET UNLOGGED;"))
                .collect();
            if let Err(error) = client.batch_execute(&sql).await {
                tracing::debug!(%database, %error, "some tables stay logged");
            }
        }
        let after = relations(&client, "u").await?;
        Ok(before
            .intersection(&after)
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect())
    }
}

/// A publication takes no unlogged table, and a partitioned one, which itself is always logged,
/// may not refer to one.
async fn in_the_way(client: &Session, must_be_logged: &MustBeLogged) -> Result<bool, Error> {
    if must_be_logged.publishes {
        return Ok(true);
    }
    let partitioned = client
        .query(PARTITIONED, &[])
        .await
        .map_err(|source| refused("list the tables of", "the database", source))?;
    Ok(partitioned.iter().any(|row| {
        let (schema, table): (&str, &str) = (row.get(0), row.get(1));
        must_be_logged.references.iter().any(|(in_schema, tag)| {
            let rest = tag.strip_prefix(table);
            in_schema == schema && rest.is_some_and(|rest| rest.starts_with(' '))
        })
    }))
}

async fn relations(
    client: &Session,
    persistence: &str,
) -> Result<BTreeSet<(String, String)>, Error> {
    let rows = client
        .query(RELATIONS, &[&persistence])
        .await
        .map_err(|source| refused("list the tables of", "the database", source))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
