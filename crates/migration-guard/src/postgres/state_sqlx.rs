//! `_sqlx_migrations`, as sqlx 0.7 and later make and read it.

use crate::layouts::checksum::crc32;
use crate::postgres::state::{Change, StateTable, literal};
use crate::{Direction, Migration};

pub(super) struct Sqlx;

impl StateTable for Sqlx {
    fn create(&self, _: &[Migration]) -> String {
        "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
            version BIGINT PRIMARY KEY,
            description TEXT NOT NULL,
            installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
            success BOOLEAN NOT NULL,
            checksum BYTEA NOT NULL,
            execution_time BIGINT NOT NULL
        );"
        .to_owned()
    }

    fn select(&self) -> &'static str {
        "SELECT version::text, description, encode(checksum, 'hex'),
                extract(epoch FROM installed_on)::float8,
                CASE WHEN success THEN 'applied' WHEN execution_time = -2 THEN 'reverting'
                     ELSE 'dirty' END
         FROM _sqlx_migrations ORDER BY version"
    }

    fn change(&self, change: Change, migration: &Migration, _: &[Migration]) -> String {
        let version = migration.number();
        match change {
            Change::Applied { nanos } => insert(migration, "TRUE", nanos),
            // An interrupted revert marks the row that is there. sqlx writes -1 for what has not ended.
            Change::Begun { direction } => {
                let time = match direction {
                    Direction::Up => -1,
                    Direction::Down => -2,
                };
                let row = insert(migration, "FALSE", time);
                format!(
                    "{row} ON CONFLICT (version) DO UPDATE SET success = FALSE, execution_time = {time}"
                )
            }
            Change::Completed { nanos } => format!(
                "UPDATE _sqlx_migrations SET success = TRUE, execution_time = {nanos} \
                 WHERE version = {version}"
            ),
            Change::Forgotten => format!("DELETE FROM _sqlx_migrations WHERE version = {version}"),
        }
    }

    fn marked(&self) -> &'static str {
        "NOT success"
    }

    /// sqlx's constant times the CRC of the database's name.
    fn lock(&self, database: &str, _: &str) -> Option<i64> {
        Some(0x3d32_ad9e_i64.wrapping_mul(i64::from(crc32(database.as_bytes()))))
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
