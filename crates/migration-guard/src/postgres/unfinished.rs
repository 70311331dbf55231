//! The mark of a run outside a transaction, for tools whose state table has no room for one. The
//! table is there only while a run is not complete, and holds the one version that it is about.

use tokio_postgres::Client;

use crate::postgres::session::failed;
use crate::postgres::state::{is_there, literal};
use crate::status::Recorded;
use crate::{Error, Layout, Migration};

const TABLE: &str = "ripcord_unfinished";

/// Takes the mark away.
pub(super) const CLEAR: &str = "DROP TABLE IF EXISTS ripcord_unfinished";

pub(super) fn mark(migration: &Migration) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS ripcord_unfinished (version text PRIMARY KEY, \
         begun_at timestamptz NOT NULL DEFAULT now()); \
         INSERT INTO ripcord_unfinished (version) VALUES ({})",
        literal(&migration.version)
    )
}

/// Moves what is marked from the applied versions to the interrupted ones.
pub(super) async fn read(
    client: &Client,
    layout: Layout,
    recorded: &mut Recorded,
) -> Result<(), Error> {
    if !is_there(client, TABLE).await? {
        return Ok(());
    }
    let rows = client
        .query(
            "SELECT version FROM ripcord_unfinished ORDER BY version",
            &[],
        )
        .await
        .map_err(|e| failed("read table", TABLE, &e))?;
    for row in rows {
        let version = layout.spelled(row.get(0));
        recorded.applied.retain(|a| a.version != version);
        recorded.dirty.push(version);
    }
    Ok(())
}
