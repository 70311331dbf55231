//! Tables that hold the versions as text, and no more: dbmate's, diesel's and Rails'.

use crate::Migration;
use crate::layouts::checksum::crc32;
use crate::postgres::state::{Change, Marks, StateTable, literal};

pub(super) struct Versions {
    table: &'static str,
    create: &'static str,
    select: &'static str,
    lock: fn(&str) -> Option<i64>,
}

pub(super) const DBMATE: Versions = Versions {
    table: "schema_migrations",
    create: "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar PRIMARY KEY)",
    select: "SELECT version::text, NULL::text, NULL::text, NULL::float8, 'applied'
             FROM schema_migrations",
    lock: |_| None,
};

pub(super) const DIESEL: Versions = Versions {
    table: "__diesel_schema_migrations",
    create: "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
                 version VARCHAR(50) PRIMARY KEY NOT NULL,
                 run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
             )",
    select: "SELECT version::text, NULL::text, NULL::text,
                    extract(epoch FROM run_on)::float8, 'applied'
             FROM __diesel_schema_migrations",
    lock: |_| None,
};

pub(super) const RAILS: Versions = Versions {
    table: "schema_migrations",
    create: "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar NOT NULL PRIMARY KEY)",
    select: DBMATE.select,
    // Rails' salt times the CRC of the database's name.
    lock: |database| Some(2_053_462_845_i64.wrapping_mul(i64::from(crc32(database.as_bytes())))),
};

impl StateTable for Versions {
    fn create(&self, _: &[Migration]) -> String {
        self.create.to_owned()
    }

    fn select(&self) -> &'static str {
        self.select
    }

    fn marks(&self) -> Marks {
        Marks::Beside
    }

    fn change(&self, change: Change, migration: &Migration, _: &[Migration]) -> String {
        let (table, version) = (self.table, literal(&migration.version));
        match change {
            Change::Applied { .. } => {
                format!("INSERT INTO {table} (version) VALUES ({version})")
            }
            // What is completed may be a revert that left nothing: then the row is there.
            Change::Begun { .. } | Change::Completed { .. } => {
                format!("INSERT INTO {table} (version) VALUES ({version}) ON CONFLICT DO NOTHING")
            }
            Change::Forgotten => format!("DELETE FROM {table} WHERE version = {version}"),
        }
    }

    fn lock(&self, database: &str, _: &str) -> Option<i64> {
        (self.lock)(database)
    }
}
