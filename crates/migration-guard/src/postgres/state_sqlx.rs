//! `_sqlx_migrations`, as sqlx 0.7 and later make and read it.

use std::time::{Duration, UNIX_EPOCH};

use tokio_postgres::Client;

use crate::postgres::state::{Change, Recorded, crc32, literal};
use crate::{Applied, Migration};

pub(super) const TABLE: &str = "_sqlx_migrations";

pub(super) const CREATE: &str = "
CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);";

pub(super) async fn read(client: &Client) -> Result<Recorded, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT version, description, success, encode(checksum, 'hex'),
                    extract(epoch FROM installed_on)::float8
             FROM _sqlx_migrations ORDER BY version",
            &[],
        )
        .await?;
    let mut recorded = Recorded::default();
    for row in rows {
        let version: i64 = row.get(0);
        let seconds: f64 = row.get(4);
        if row.get::<_, bool>(2) {
            let mut applied = Applied::new(version.to_string());
            applied.name = row.get(1);
            applied.checksum = row.get(3);
            applied.when = Some(UNIX_EPOCH + Duration::from_secs_f64(seconds.max(0.0)));
            recorded.applied.push(applied);
        } else {
            recorded.dirty.push(version.to_string());
        }
    }
    Ok(recorded)
}

pub(super) fn change(change: Change, migration: &Migration) -> String {
    let version = migration.number();
    match change {
        Change::Applied { nanos } => insert(migration, "TRUE", nanos),
        // An interrupted revert marks the row that is there.
        Change::Begun => {
            let row = insert(migration, "FALSE", -1);
            format!("{row} ON CONFLICT (version) DO UPDATE SET success = FALSE")
        }
        Change::Completed { nanos } => format!(
            "UPDATE _sqlx_migrations SET success = TRUE, execution_time = {nanos} \
             WHERE version = {version}"
        ),
        Change::Forgotten => format!("DELETE FROM _sqlx_migrations WHERE version = {version}"),
    }
}

fn insert(migration: &Migration, success: &str, nanos: i64) -> String {
    format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES ({}, {}, {success}, decode('{}', 'hex'), {nanos})",
        migration.number(),
        literal(&migration.name),
        migration.checksum,
    )
}

/// The key of sqlx's own lock: its constant times the CRC of the database's name.
pub(super) fn lock(database: &str) -> i64 {
    0x3d32_ad9e_i64.wrapping_mul(i64::from(crc32(database.as_bytes())))
}
