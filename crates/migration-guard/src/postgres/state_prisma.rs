//! `_prisma_migrations`, as Prisma makes and reads it: a row that is neither finished nor rolled
//! back is a failed run.

use crate::postgres::state::{Change, StateTable, literal};
use crate::{Direction, Migration};

pub(super) struct Prisma;

impl StateTable for Prisma {
    fn create(&self, _: &[Migration]) -> String {
        "CREATE TABLE IF NOT EXISTS _prisma_migrations (
            id                  VARCHAR(36) PRIMARY KEY NOT NULL,
            checksum            VARCHAR(64) NOT NULL,
            finished_at         TIMESTAMPTZ,
            migration_name      VARCHAR(255) NOT NULL,
            logs                TEXT,
            rolled_back_at      TIMESTAMPTZ,
            started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
            applied_steps_count INTEGER NOT NULL DEFAULT 0
        )"
        .to_owned()
    }

    /// Rows of runs that were rolled back are history; of the others one counts for each name.
    fn select(&self) -> &'static str {
        "SELECT DISTINCT ON (migration_name) migration_name::text, NULL::text, checksum::text,
                extract(epoch FROM finished_at)::float8,
                CASE WHEN finished_at IS NOT NULL THEN 'applied'
                     WHEN logs LIKE 'ripcord: revert%' THEN 'reverting' ELSE 'dirty' END
         FROM _prisma_migrations WHERE rolled_back_at IS NULL
         ORDER BY migration_name, finished_at IS NULL DESC, started_at"
    }

    fn change(&self, change: Change, migration: &Migration, _: &[Migration]) -> String {
        let name = literal(&migration.version);
        let open = format!("migration_name = {name} AND rolled_back_at IS NULL");
        match change {
            Change::Applied { .. } => insert(migration, "clock_timestamp()", 1),
            // An interrupted revert marks the row that is there.
            Change::Begun { direction } => {
                let logs = match direction {
                    Direction::Up => "",
                    Direction::Down => ", logs = 'ripcord: revert begun'",
                };
                format!(
                    "UPDATE _prisma_migrations SET finished_at = NULL{logs} WHERE {open}; \
                     {} WHERE NOT EXISTS (SELECT FROM _prisma_migrations WHERE {open})",
                    insert(migration, "NULL::timestamptz", 0)
                )
            }
            Change::Completed { .. } => format!(
                "UPDATE _prisma_migrations SET finished_at = clock_timestamp(), \
                 applied_steps_count = 1, \
                 logs = CASE WHEN logs NOT LIKE 'ripcord: revert%' THEN logs END WHERE {open}"
            ),
            Change::Forgotten => format!("DELETE FROM _prisma_migrations WHERE {open}"),
        }
    }

    fn marked(&self) -> &'static str {
        "finished_at IS NULL AND rolled_back_at IS NULL"
    }

    /// The number that Prisma locks in every database.
    fn lock(&self, _: &str, _: &str) -> Option<i64> {
        Some(72_707_369)
    }
}

fn insert(migration: &Migration, finished: &str, steps: u8) -> String {
    format!(
        "INSERT INTO _prisma_migrations \
         (id, checksum, finished_at, migration_name, started_at, applied_steps_count) \
         SELECT md5(random()::text || clock_timestamp()::text)::uuid::text, '{}', {finished}, {}, \
         clock_timestamp(), {steps}",
        migration.checksum,
        literal(&migration.version),
    )
}
