//! `refinery_schema_history`, as refinery makes and reads it. Its version is `int4`, or `int8`
//! where refinery was built with wide versions; the checksum covers those bytes.

use crate::Migration;
use crate::postgres::state::{Change, Marks, StateTable, literal};

pub(super) struct Refinery;

impl StateTable for Refinery {
    fn create(&self, all: &[Migration]) -> String {
        let wide = all.iter().any(|m| i32::try_from(m.number()).is_err());
        let width = if wide { "INT8" } else { "INT4" };
        format!(
            "CREATE TABLE IF NOT EXISTS refinery_schema_history (
                version {width} PRIMARY KEY,
                name VARCHAR(255),
                applied_on VARCHAR(255),
                checksum VARCHAR(255)
            )"
        )
    }

    fn select(&self) -> &'static str {
        "SELECT version::text, name, checksum,
                CASE WHEN applied_on ~ '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.0-9]*(Z|[+-]\\d\\d:\\d\\d)$'
                     THEN extract(epoch FROM applied_on::timestamptz)::float8 END,
                'applied'
         FROM refinery_schema_history"
    }

    fn marks(&self) -> Marks {
        Marks::Beside
    }

    fn change(&self, change: Change, migration: &Migration, _: &[Migration]) -> String {
        let version = migration.number();
        match change {
            Change::Applied { .. } => insert(migration),
            Change::Begun { .. } | Change::Completed { .. } => {
                format!("{} ON CONFLICT DO NOTHING", insert(migration))
            }
            Change::Forgotten => {
                format!("DELETE FROM refinery_schema_history WHERE version = {version}")
            }
        }
    }
}

fn insert(migration: &Migration) -> String {
    let checksum = match &migration.native.wide_checksum {
        Some(wide) => format!(
            "(SELECT CASE atttypid WHEN 'int8'::regtype THEN '{wide}' ELSE '{}' END
              FROM pg_catalog.pg_attribute
              WHERE attrelid = 'refinery_schema_history'::regclass AND attname = 'version')",
            migration.checksum
        ),
        None => format!("'{}'", migration.checksum),
    };
    format!(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES ({}, {},
         to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), {checksum})",
        migration.number(),
        literal(&migration.native.script),
    )
}
