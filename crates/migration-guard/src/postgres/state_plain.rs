//! `ripcord_migrations`, for folders that no tool owns.

use crate::postgres::state::{Change, StateTable, literal, millis};
use crate::{Direction, Migration};

pub(super) struct Plain;

impl StateTable for Plain {
    fn create(&self, _: &[Migration]) -> String {
        "CREATE TABLE IF NOT EXISTS ripcord_migrations (
            version text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            complete boolean NOT NULL,
            milliseconds bigint NOT NULL
        )"
        .to_owned()
    }

    fn select(&self) -> &'static str {
        "SELECT version, NULL::text, checksum, extract(epoch FROM applied_at)::float8,
                CASE WHEN complete THEN 'applied' WHEN milliseconds = -2 THEN 'reverting'
                     ELSE 'dirty' END
         FROM ripcord_migrations"
    }

    fn change(&self, change: Change, migration: &Migration, _: &[Migration]) -> String {
        let version = literal(&migration.version);
        let insert = |complete: bool, millis: i64| {
            format!(
                "INSERT INTO ripcord_migrations (version, checksum, complete, milliseconds) \
                 VALUES ({version}, '{}', {complete}, {millis})",
                migration.checksum,
            )
        };
        match change {
            Change::Applied { nanos } => insert(true, millis(nanos)),
            // An interrupted revert marks the row that is there.
            Change::Begun { direction } => {
                let time = match direction {
                    Direction::Up => 0,
                    Direction::Down => -2,
                };
                format!(
                    "{} ON CONFLICT (version) DO UPDATE SET complete = false, milliseconds = {time}",
                    insert(false, time)
                )
            }
            Change::Completed { nanos } => format!(
                "UPDATE ripcord_migrations SET complete = true, milliseconds = {} \
                 WHERE version = {version}",
                millis(nanos)
            ),
            Change::Forgotten => {
                format!("DELETE FROM ripcord_migrations WHERE version = {version}")
            }
        }
    }

    fn marked(&self) -> &'static str {
        "NOT complete"
    }
}
