use tokio_postgres::Client;

use crate::postgres::session::failed;
use crate::postgres::{state_golang_migrate as golang_migrate, state_sqlx as sqlx};
use crate::{Applied, Error, Layout, Migration};

/// What a state table says, whichever tool's it is.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Oldest first.
    pub(super) applied: Vec<Applied>,
    /// Versions with the mark of an interrupted run.
    pub(super) dirty: Vec<String>,
}

impl Recorded {
    pub(super) fn is_applied(&self, version: &str) -> bool {
        self.applied.iter().any(|a| a.version == version)
    }
}

/// A change of the state table, as SQL for the transaction it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Applied, in the migration's own transaction.
    Applied { nanos: i64 },
    /// Begun outside a transaction: marked before the first statement.
    Begun,
    /// What was begun is complete.
    Completed { nanos: i64 },
    /// Not applied any more, or never was.
    Forgotten,
}

pub(super) async fn read(
    layout: Layout,
    client: &Client,
    migrations: &[Migration],
) -> Result<Recorded, Error> {
    let table = table(layout);
    let there = client
        .query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&table])
        .await
        .map_err(|e| failed("look for table", table, &e))?;
    if !there.get::<_, bool>(0) {
        return Ok(Recorded::default());
    }
    let read = match layout {
        Layout::Sqlx => sqlx::read(client).await,
        Layout::GolangMigrate => golang_migrate::read(client, migrations).await,
    };
    read.map_err(|e| failed("read table", table, &e))
}

/// The SQL that makes the state table if it is not there.
pub(super) fn create(layout: Layout) -> &'static str {
    match layout {
        Layout::Sqlx => sqlx::CREATE,
        Layout::GolangMigrate => golang_migrate::CREATE,
    }
}

pub(super) fn change(
    layout: Layout,
    change: Change,
    migration: &Migration,
    all: &[Migration],
) -> String {
    match layout {
        Layout::Sqlx => sqlx::change(change, migration),
        Layout::GolangMigrate => golang_migrate::change(change, migration, all),
    }
}

pub(super) async fn tool_lock(layout: Layout, client: &Client) -> Result<i64, Error> {
    let row = client
        .query_one(
            "SELECT pg_catalog.current_database()::text, pg_catalog.current_schema()::text",
            &[],
        )
        .await
        .map_err(|e| failed("read", "the database's name", &e))?;
    let database: String = row.get(0);
    let schema: Option<String> = row.get(1);
    Ok(match layout {
        Layout::Sqlx => sqlx::lock(&database),
        Layout::GolangMigrate => golang_migrate::lock(&database, schema.as_deref().unwrap_or("")),
    })
}

fn table(layout: Layout) -> &'static str {
    match layout {
        Layout::Sqlx => sqlx::TABLE,
        Layout::GolangMigrate => golang_migrate::TABLE,
    }
}

/// A string as an SQL literal.
pub(super) fn literal(text: &str) -> String {
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// CRC-32 (IEEE 802.3), from which both tools make the keys of their locks.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            (crc >> 1) ^ carry
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_matches_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn literals_cannot_be_left() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }
}
