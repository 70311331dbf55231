//! Sequences that feed the columns of a table that was filled.

use tokio_postgres::Client;

use super::super::session::refused;
use super::drift::Target;
use crate::Error;

const FEEDS: &str = include_str!("sql/feeds.sql");

/// Moves them on to the furthest value in the table, and never back.
pub(super) async fn move_on(client: &Client, target: &Target) -> Result<(), Error> {
    let failed = |source| refused("move on the sequences of", &target.live.name, source);
    for row in client
        .query(FEEDS, &[&target.live.oid])
        .await
        .map_err(failed)?
    {
        let (sequence, column): (u32, &str) = (row.get(0), row.get(1));
        let (furthest, behind) = match row.get::<_, i64>(2) {
            ..0 => ("min", ">"),
            0.. => ("max", "<"),
        };
        let sql = format!(
            "SELECT setval($1::oid::regclass, f.value)
             FROM (SELECT {furthest}({column})::int8 AS value FROM {}) AS f, pg_sequence AS q
             WHERE q.seqrelid = $1 AND f.value BETWEEN q.seqmin AND q.seqmax
               AND coalesce(pg_sequence_last_value($1::oid::regclass) {behind} f.value, true)",
            target.live.rows
        );
        client.query(&sql, &[&sequence]).await.map_err(failed)?;
    }
    Ok(())
}
