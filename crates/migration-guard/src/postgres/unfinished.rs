//! The mark of a run outside a transaction, for tools whose state table has no room for one. The
//! table is there only while a run is not complete, and holds the one version that it is about.
//! Its first version had no direction, and such a mark is read as that of a way forward.

use tokio_postgres::Client;

use crate::postgres::session::failed;
use crate::postgres::state::{Marks, is_there, literal};
use crate::status::Recorded;
use crate::{Direction, Error, Layout, Migration};

pub(super) const TABLE: &str = "ripcord_unfinished";

const DOWN: &str = "down";

/// Takes the mark away.
pub(super) const CLEAR: &str = "DROP TABLE IF EXISTS ripcord_unfinished";

pub(super) fn mark(migration: &Migration, direction: Direction) -> String {
    let direction = match direction {
        Direction::Up => "up",
        Direction::Down => DOWN,
    };
    format!(
        "CREATE TABLE IF NOT EXISTS ripcord_unfinished (version text PRIMARY KEY, \
         begun_at timestamptz NOT NULL DEFAULT now(), direction text); \
         ALTER TABLE ripcord_unfinished ADD COLUMN IF NOT EXISTS direction text; \
         INSERT INTO ripcord_unfinished (version, direction) VALUES ({}, '{direction}') \
         ON CONFLICT (version) DO UPDATE SET direction = excluded.direction, begun_at = now()",
        literal(&migration.version)
    )
}

/// Moves what is marked from the applied versions to the interrupted ones; where the tool's table
/// has marks of its own, adds to them what they cannot say.
pub(super) async fn read(
    client: &Client,
    layout: Layout,
    marks: Marks,
    recorded: &mut Recorded,
) -> Result<(), Error> {
    if !is_there(client, TABLE).await? {
        return Ok(());
    }
    let rows = client
        .query(
            "SELECT version, to_jsonb(u) ->> 'direction' FROM ripcord_unfinished u ORDER BY version",
            &[],
        )
        .await
        .map_err(|e| failed("read table", TABLE, &e))?;
    for row in rows {
        let version = layout.spelled(row.get(0));
        if marks == Marks::Beside {
            recorded.applied.retain(|a| a.version != version);
            recorded.dirty.push(version.clone());
        }
        let back = row.get::<_, Option<&str>>(1) == Some(DOWN);
        if back && recorded.dirty.contains(&version) {
            recorded.reverting.push(version);
        }
    }
    Ok(())
}
