use std::time::{Duration, UNIX_EPOCH};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::postgres::session::failed;
use crate::postgres::{
    state_flyway, state_golang_migrate, state_goose, state_plain, state_prisma, state_refinery,
    state_sqlx, state_versions, unfinished,
};
use crate::status::Recorded;
use crate::{Applied, AppliedAs, Direction, Error, Layout, Migration};

/// A change of the state table, as SQL for the transaction it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Applied, in the migration's own transaction.
    Applied { nanos: i64 },
    /// Begun outside a transaction: marked before the first statement.
    Begun { direction: Direction },
    /// What was begun is complete.
    Completed { nanos: i64 },
    /// Not applied any more, or never was.
    Forgotten,
}

/// A tool's state table: how to make it, read it and write it.
pub(super) trait StateTable: Sync {
    /// The SQL that makes it as the tool makes it.
    fn create(&self, all: &[Migration]) -> String;

    /// One row for each version: version, name and checksum as text, seconds since 1970 as
    /// `float8`, and what the row stands for: `applied`, `dirty`, `reverting` (dirty, and what was
    /// interrupted was the way back), `repeatable` or `baseline`.
    fn select(&self) -> &'static str;

    /// What the rows mean, where the tool writes down less than all.
    fn understood(&self, recorded: Recorded, _all: &[Migration]) -> Recorded {
        recorded
    }

    /// Who marks a run outside a transaction.
    fn marks(&self) -> Marks {
        Marks::Itself
    }

    /// What a row says that is marked, as a condition of SQL; only of a table that marks itself.
    fn marked(&self) -> &'static str {
        ""
    }

    fn change(&self, change: Change, migration: &Migration, all: &[Migration]) -> String;

    /// The key of the tool's own advisory lock, if it takes one.
    fn lock(&self, _database: &str, _schema: &str) -> Option<i64> {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// The table itself can say that a version is not complete.
    Itself,
    /// It can, and not that it was the way back: a table of ours says that.
    WayBackBeside,
    /// It cannot: a table of ours does, for as long as there is something to say.
    Beside,
}

fn table(layout: Layout) -> &'static dyn StateTable {
    match layout {
        Layout::Sqlx => &state_sqlx::Sqlx,
        Layout::GolangMigrate => &state_golang_migrate::GolangMigrate,
        Layout::Dbmate => &state_versions::DBMATE,
        Layout::Diesel => &state_versions::DIESEL,
        Layout::Rails => &state_versions::RAILS,
        Layout::Goose => &state_goose::Goose,
        Layout::Refinery => &state_refinery::Refinery,
        Layout::Flyway => &state_flyway::Flyway,
        Layout::Prisma => &state_prisma::Prisma,
        Layout::Plain => &state_plain::Plain,
    }
}

/// What is recorded, oldest first; `all` is what the workspace holds.
pub(super) async fn read(
    layout: Layout,
    client: &Client,
    all: &[Migration],
) -> Result<Recorded, Error> {
    let name = layout.state_table();
    let mut recorded = Recorded::default();
    if is_there(client, name).await? {
        let rows = client
            .query(table(layout).select(), &[])
            .await
            .map_err(|e| unreadable(layout, &e))?;
        for row in rows {
            let version: String = row.get(0);
            let mut applied = Applied::new(layout.spelled(&version));
            applied.name = row.get(1);
            applied.checksum = row.get(2);
            let seconds: Option<f64> = row.get(3);
            applied.when = seconds
                .filter(|s| s.is_finite())
                .and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok())
                .and_then(|d| UNIX_EPOCH.checked_add(d));
            match row.get::<_, &str>(4) {
                kind @ ("dirty" | "reverting") => {
                    if kind == "reverting" {
                        recorded.reverting.push(applied.version.clone());
                    }
                    recorded.dirty.push(applied.version);
                    continue;
                }
                "repeatable" => applied.applied_as = AppliedAs::Repeatable,
                "baseline" => applied.applied_as = AppliedAs::Baseline,
                _ => {}
            }
            recorded.applied.push(applied);
        }
    }
    let marks = table(layout).marks();
    if marks != Marks::Itself {
        unfinished::read(client, layout, marks, &mut recorded).await?;
    }
    let order = |a: &Applied, b: &Applied| {
        let repeats = |it: &Applied| it.applied_as == AppliedAs::Repeatable;
        let order = repeats(a).cmp(&repeats(b));
        order.then_with(|| layout.compare(&a.version, &b.version))
    };
    recorded.applied.sort_by(order);
    let baselines = recorded.applied.iter().rev();
    recorded.baseline = baselines
        .filter(|a| a.applied_as == AppliedAs::Baseline)
        .map(|a| a.version.clone())
        .next();
    Ok(table(layout).understood(recorded, all))
}

pub(super) async fn is_there(client: &Client, table: &str) -> Result<bool, Error> {
    client
        .query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&table])
        .await
        .map(|row| row.get(0))
        .map_err(|e| failed("look for table", table, &e))
}

/// Three tools call their table `schema_migrations`, and each has its own columns.
fn unreadable(layout: Layout, error: &tokio_postgres::Error) -> Error {
    let said = failed("read table", layout.state_table(), error);
    match error.code() {
        Some(code) if *code == SqlState::UNDEFINED_COLUMN => said.with_help(format!(
            "the table is not as {layout} makes it; is that the right layout?"
        )),
        _ => said,
    }
}

/// The SQL that makes the state table if it is not there.
pub(super) fn create(layout: Layout, all: &[Migration]) -> String {
    table(layout).create(all)
}

pub(super) fn change(
    layout: Layout,
    change: Change,
    migration: &Migration,
    all: &[Migration],
) -> String {
    let table = table(layout);
    match (table.marks(), change) {
        (Marks::Itself, _) | (_, Change::Applied { .. }) => table.change(change, migration, all),
        (Marks::Beside, Change::Begun { direction }) => unfinished::mark(migration, direction),
        (Marks::WayBackBeside, Change::Begun { direction }) => {
            let row = table.change(change, migration, all);
            match direction {
                Direction::Up => row,
                Direction::Down => format!("{row}; {}", unfinished::mark(migration, direction)),
            }
        }
        (_, Change::Completed { .. } | Change::Forgotten) => {
            let row = table.change(change, migration, all);
            format!("{row}; {}", unfinished::CLEAR)
        }
    }
}

/// The table and the row in which a version is marked as interrupted.
pub(super) fn mark(layout: Layout, version: &str) -> (&'static str, String) {
    let table = table(layout);
    let version = match layout {
        Layout::Sqlx | Layout::GolangMigrate => version.to_owned(),
        _ => literal(version),
    };
    match table.marks() {
        Marks::Beside => (unfinished::TABLE, format!("version = {version}")),
        Marks::Itself | Marks::WayBackBeside => {
            let column = match layout {
                Layout::Prisma => "migration_name",
                _ => "version",
            };
            let row = format!("{column} = {version} AND {}", table.marked());
            (layout.state_table(), row)
        }
    }
}

pub(super) async fn tool_lock(layout: Layout, client: &Client) -> Result<Option<i64>, Error> {
    let row = client
        .query_one(
            "SELECT pg_catalog.current_database()::text, pg_catalog.current_schema()::text",
            &[],
        )
        .await
        .map_err(|e| failed("read", "the database's name", &e))?;
    let database: String = row.get(0);
    let schema: Option<String> = row.get(1);
    Ok(table(layout).lock(&database, schema.as_deref().unwrap_or("")))
}

/// A string as an SQL literal.
pub(super) fn literal(text: &str) -> String {
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Milliseconds as tools write them, from our nanoseconds; an unknown time is 0.
pub(super) fn millis(nanos: i64) -> i64 {
    (nanos / 1_000_000).clamp(0, i64::from(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_cannot_be_left() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }
}
