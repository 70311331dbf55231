//! `flyway_schema_history`, as Flyway makes and reads it: the newest row of a version counts, and
//! may say that it was undone or deleted.

use crate::migration::Place;
use crate::postgres::state::{Change, StateTable, literal, millis};
use crate::{Direction, Migration, Repeats};

pub(super) struct Flyway;

impl StateTable for Flyway {
    fn create(&self, _: &[Migration]) -> String {
        "CREATE TABLE IF NOT EXISTS flyway_schema_history (
            installed_rank INT NOT NULL CONSTRAINT flyway_schema_history_pk PRIMARY KEY,
            version VARCHAR(50),
            description VARCHAR(200) NOT NULL,
            type VARCHAR(20) NOT NULL,
            script VARCHAR(1000) NOT NULL,
            checksum INTEGER,
            installed_by VARCHAR(100) NOT NULL,
            installed_on TIMESTAMP NOT NULL DEFAULT now(),
            execution_time INTEGER NOT NULL,
            success BOOLEAN NOT NULL
        );
        CREATE INDEX IF NOT EXISTS flyway_schema_history_s_idx ON flyway_schema_history (success)"
            .to_owned()
    }

    /// Rows without a version are of migrations that repeat, known by their description.
    fn select(&self) -> &'static str {
        "SELECT coalesce(version, 'R__' || replace(description, ' ', '_'))::text,
                description::text, checksum::text, extract(epoch FROM installed_on)::float8,
                CASE WHEN NOT success AND execution_time = -2 THEN 'reverting'
                     WHEN NOT success THEN 'dirty' WHEN version IS NULL THEN 'repeatable'
                     WHEN type IN ('BASELINE', 'SQL_BASELINE') THEN 'baseline' ELSE 'applied' END
         FROM (SELECT DISTINCT ON (version, CASE WHEN version IS NULL THEN description END) *
               FROM flyway_schema_history WHERE type <> 'SCHEMA'
               ORDER BY version, CASE WHEN version IS NULL THEN description END,
                        installed_rank DESC) newest
         WHERE type NOT LIKE 'UNDO%' AND type <> 'DELETE' OR NOT success
         ORDER BY installed_rank"
    }

    fn change(&self, change: Change, migration: &Migration, _: &[Migration]) -> String {
        let rows = rows_of(migration);
        match change {
            Change::Applied { nanos } => insert(migration, true, millis(nanos)),
            // An interrupted revert marks the row that is there.
            Change::Begun { direction } => {
                let time = match direction {
                    Direction::Up => 0,
                    Direction::Down => -2,
                };
                format!(
                    "UPDATE flyway_schema_history SET success = false, execution_time = {time} \
                     WHERE {rows}; \
                     {} WHERE NOT EXISTS (SELECT FROM flyway_schema_history WHERE {rows})",
                    insert(migration, false, time)
                )
            }
            Change::Completed { nanos } => format!(
                "UPDATE flyway_schema_history SET success = true, execution_time = {} \
                 WHERE {rows} AND NOT success",
                millis(nanos)
            ),
            // Only the edition that has undo can read its rows, and where it has run there are some.
            Change::Forgotten if migration.native.down_script.is_empty() => {
                format!("DELETE FROM flyway_schema_history WHERE {rows}")
            }
            Change::Forgotten => format!(
                "DELETE FROM flyway_schema_history WHERE {rows} AND (NOT success OR NOT EXISTS \
                 (SELECT FROM flyway_schema_history WHERE type = 'UNDO_SQL')); {}",
                undone(migration, &rows)
            ),
        }
    }

    fn marked(&self) -> &'static str {
        "NOT success"
    }

    /// Flyway's number plus the hash of the table's quoted name, as Java computes it.
    fn lock(&self, _: &str, schema: &str) -> Option<i64> {
        let table = format!(
            "\"{}\".\"flyway_schema_history\"",
            schema.replace('"', "\"\"")
        );
        let hash = table.encode_utf16().fold(0i32, |hash, unit| {
            hash.wrapping_mul(31).wrapping_add(i32::from(unit))
        });
        Some(0x466c_7977_6179 + i64::from(hash))
    }
}

/// The rows that make a migration count as applied.
fn rows_of(migration: &Migration) -> String {
    match migration.repeats {
        Repeats::WhenChanged => format!(
            "version IS NULL AND description = {} AND NOT success",
            literal(&migration.name)
        ),
        // Spelled as we do: `01.0` is `1`.
        Repeats::Never => format!(
            "regexp_replace(regexp_replace(version, '(^|[.])0+(?=[0-9])', '\\1', 'g'), \
             '([.]0)+$', '') = {} AND type NOT LIKE 'UNDO%' AND type <> 'DELETE'",
            literal(&migration.version)
        ),
    }
}

fn insert(migration: &Migration, success: bool, millis: i64) -> String {
    let native = &migration.native;
    let version = match migration.repeats {
        Repeats::WhenChanged => "NULL".to_owned(),
        Repeats::Never => literal(&native.version),
    };
    let kind = match native.place {
        Place::Baseline => "SQL_BASELINE",
        _ => "SQL",
    };
    let description = match migration.name.as_str() {
        "" => "<< no description >>",
        name => name,
    };
    row(&[
        version,
        literal(description),
        literal(kind),
        literal(&native.script),
        migration.checksum.clone(),
        millis.to_string(),
        success.to_string(),
    ])
}

/// The row of an undo, where the history has any such row.
fn undone(migration: &Migration, rows: &str) -> String {
    let native = &migration.native;
    let row = row(&[
        literal(&native.version),
        literal(&migration.name),
        literal("UNDO_SQL"),
        literal(&native.down_script),
        native.down_checksum.clone(),
        "0".to_owned(),
        "true".to_owned(),
    ]);
    format!("{row} WHERE EXISTS (SELECT FROM flyway_schema_history WHERE {rows})")
}

fn row(
    [
        version,
        description,
        kind,
        script,
        checksum,
        millis,
        success,
    ]: &[String; 7],
) -> String {
    format!(
        "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, \
         checksum, installed_by, execution_time, success) \
         SELECT (SELECT coalesce(max(installed_rank), 0) + 1 FROM flyway_schema_history), \
         {version}, {description}, {kind}, {script}, {checksum}, current_user, {millis}, {success}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_the_one_that_flyway_takes() {
        // What Java prints for `(0x46L << 40) + (0x6CL << 32) + (0x79L << 24) + (0x77 << 16)
        // + (0x61 << 8) + 0x79` is 77431708279161.
        let key = Flyway.lock("any", "").unwrap_or_default();
        let table = "\"\".\"flyway_schema_history\"";
        let hash = table
            .bytes()
            .fold(0i32, |h, b| h.wrapping_mul(31).wrapping_add(i32::from(b)));
        assert_eq!(key - i64::from(hash), 77_431_708_279_161);
    }
}
