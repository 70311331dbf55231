//! What is unfinished in a database, so that a run can tell what it left.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::types::Oid;

use crate::{LeftBehind, LeftKind};

/// What was unfinished before a run.
#[derive(Debug)]
pub(crate) struct Before(BTreeSet<(Oid, String)>);

pub(crate) async fn before(client: &Client) -> Result<Before, tokio_postgres::Error> {
    let found = unfinished(client).await?;
    Ok(Before(found.into_iter().map(|(key, _)| key).collect()))
}

impl Before {
    /// What is unfinished now and was not then.
    pub(crate) async fn left_since(
        &self,
        client: &Client,
    ) -> Result<Vec<LeftBehind>, tokio_postgres::Error> {
        let found = unfinished(client).await?.into_iter();
        let new = found.filter(|(key, _)| !self.0.contains(key));
        Ok(new.map(|(_, left)| left).collect())
    }
}

/// An index of a partitioned table is left out: it is invalid until all of its parts are attached,
/// which is how they are made. A temporary table is left out, too: it ends with its session.
const UNFINISHED: &str = "
    SELECT 'i', i.indexrelid, i.indexrelid::regclass::text, i.indrelid::regclass::text
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
      AND c.relkind = 'i' AND c.relpersistence <> 't'
    UNION ALL
    SELECT 'c', k.oid, pg_catalog.quote_ident(k.conname), k.conrelid::regclass::text
    FROM pg_catalog.pg_constraint k
    WHERE NOT k.convalidated AND k.conrelid <> 0
      AND coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
    UNION ALL
    SELECT 'd', h.inhrelid, h.inhrelid::regclass::text, h.inhparent::regclass::text
    FROM pg_catalog.pg_inherits h
    WHERE coalesce((to_jsonb(h) ->> 'inhdetachpending')::bool, false)
    ORDER BY 1, 3, 4";

async fn unfinished(
    client: &Client,
) -> Result<Vec<((Oid, String), LeftBehind)>, tokio_postgres::Error> {
    let rows = client.query(UNFINISHED, &[]).await?;
    let found = rows.iter().map(|row| {
        let (what, oid): (String, Oid) = (row.get(0), row.get(1));
        let (name, table): (String, String) = (row.get(2), row.get(3));
        let (kind, remedy) = match what.as_str() {
            "i" => (
                LeftKind::InvalidIndex,
                format!("DROP INDEX CONCURRENTLY {name}"),
            ),
            "c" => (
                LeftKind::NotValidated,
                format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
            ),
            _ => (
                LeftKind::DetachPending,
                format!("ALTER TABLE {table} DETACH PARTITION {name} FINALIZE"),
            ),
        };
        let left = LeftBehind {
            kind,
            name,
            table,
            remedy,
        };
        ((oid, what), left)
    });
    Ok(found.collect())
}
