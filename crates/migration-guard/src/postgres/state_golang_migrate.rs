//! `schema_migrations`, as golang-migrate's postgres driver makes and reads it: one row with the
//! newest version. Everything up to it counts as applied.

use crate::layouts::checksum::crc32;
use crate::postgres::state::{Change, Marks, StateTable};
use crate::status::Recorded;
use crate::{Applied, Migration};

pub(super) struct GolangMigrate;

impl StateTable for GolangMigrate {
    fn create(&self, _: &[Migration]) -> String {
        "CREATE TABLE IF NOT EXISTS schema_migrations (
            version bigint NOT NULL PRIMARY KEY,
            dirty boolean NOT NULL
        );"
        .to_owned()
    }

    fn select(&self) -> &'static str {
        "SELECT version::text, NULL::text, NULL::text, NULL::float8,
                CASE WHEN dirty THEN 'dirty' ELSE 'applied' END
         FROM schema_migrations LIMIT 1"
    }

    fn understood(&self, mut recorded: Recorded, all: &[Migration]) -> Recorded {
        let row = recorded.applied.pop();
        let current = row.as_ref().map(|a| &a.version).or(recorded.dirty.first());
        let Some(current) = current.and_then(|v| v.parse::<i64>().ok()) else {
            return recorded;
        };
        let below = all.iter().filter(|m| m.number() < current);
        recorded.applied = below.map(applied).collect();
        if let Some(row) = row {
            let known = all.iter().find(|m| m.number() == current);
            recorded.applied.push(known.map_or(row, applied));
        }
        recorded
    }

    fn change(&self, change: Change, migration: &Migration, all: &[Migration]) -> String {
        let set = |version: i64, dirty: bool| {
            format!(
                "DELETE FROM schema_migrations; \
                 INSERT INTO schema_migrations (version, dirty) VALUES ({version}, {dirty})"
            )
        };
        match change {
            Change::Applied { .. } | Change::Completed { .. } => set(migration.number(), false),
            Change::Begun { .. } => set(migration.number(), true),
            Change::Forgotten => {
                let before = all.iter().map(Migration::number);
                match before.filter(|v| *v < migration.number()).max() {
                    Some(version) => set(version, false),
                    None => "DELETE FROM schema_migrations".to_owned(),
                }
            }
        }
    }

    fn marks(&self) -> Marks {
        Marks::WayBackBeside
    }

    fn marked(&self) -> &'static str {
        "dirty"
    }

    /// CRC of schema, table and database, times golang-migrate's salt.
    fn lock(&self, database: &str, schema: &str) -> Option<i64> {
        let name = format!("{schema}\0schema_migrations\0{database}");
        let key = crc32(name.as_bytes()).wrapping_mul(1_486_364_155);
        Some(i64::from(key))
    }
}

fn applied(migration: &Migration) -> Applied {
    let mut applied = Applied::new(&migration.version);
    applied.name = Some(migration.name.clone());
    applied
}
