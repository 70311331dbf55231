//! `schema_migrations`, as golang-migrate's postgres driver makes and reads it: one row with the
//! newest version. Everything up to it counts as applied.

use tokio_postgres::Client;

use crate::postgres::state::{Change, Recorded, crc32};
use crate::{Applied, Migration};

pub(super) const TABLE: &str = "schema_migrations";

pub(super) const CREATE: &str = "
CREATE TABLE IF NOT EXISTS schema_migrations (
    version bigint NOT NULL PRIMARY KEY,
    dirty boolean NOT NULL
);";

pub(super) async fn read(
    client: &Client,
    migrations: &[Migration],
) -> Result<Recorded, tokio_postgres::Error> {
    let row = client
        .query_opt("SELECT version, dirty FROM schema_migrations LIMIT 1", &[])
        .await?;
    let mut recorded = Recorded::default();
    let Some(row) = row else {
        return Ok(recorded);
    };
    let (current, dirty): (i64, bool) = (row.get(0), row.get(1));
    let below = migrations.iter().filter(|m| m.number() < current);
    recorded.applied = below.map(applied).collect();
    if dirty {
        recorded.dirty.push(current.to_string());
    } else {
        let known = migrations.iter().find(|m| m.number() == current);
        recorded
            .applied
            .push(known.map_or_else(|| Applied::new(current.to_string()), applied));
    }
    Ok(recorded)
}

fn applied(migration: &Migration) -> Applied {
    let mut applied = Applied::new(&migration.version);
    applied.name = Some(migration.name.clone());
    applied
}

pub(super) fn change(change: Change, migration: &Migration, all: &[Migration]) -> String {
    let set = |version: i64, dirty: bool| {
        format!(
            "DELETE FROM schema_migrations; \
             INSERT INTO schema_migrations (version, dirty) VALUES ({version}, {dirty})"
        )
    };
    match change {
        Change::Applied { .. } | Change::Completed { .. } => set(migration.number(), false),
        Change::Begun => set(migration.number(), true),
        Change::Forgotten => {
            let before = all.iter().map(Migration::number);
            match before.filter(|v| *v < migration.number()).max() {
                Some(version) => set(version, false),
                None => "DELETE FROM schema_migrations".to_owned(),
            }
        }
    }
}

/// The key of golang-migrate's own lock: CRC of schema, table and database, times its salt.
pub(super) fn lock(database: &str, schema: &str) -> i64 {
    let name = format!("{schema}\0{TABLE}\0{database}");
    i64::from(crc32(name.as_bytes()).wrapping_mul(1_486_364_155))
}
