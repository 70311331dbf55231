//! Pending migrations that make what is there: somebody took their row out of the state table, or
//! ran them by hand.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::sql::Script;
use crate::sql::model::{Kind, Name, Object, TableAction};
use crate::{Migration, Problem, ProblemKind, Repeats};

/// Looking through thousands of pending files would take longer than `status` may.
const FILES: usize = 200;

/// What a pending migration makes.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    version: String,
    /// `table`, `index` or `column`.
    what: &'static str,
    /// The relation as SQL writes it.
    relation: String,
    /// Empty unless it is a column.
    column: String,
    /// The table of an index, otherwise empty.
    table: String,
    sign: Sign,
}

/// What it means that something is there before the version that makes it has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The version would fail.
    Sure,
    /// It would not: IF NOT EXISTS. Its data would be written twice.
    Lenient,
}

/// What is known beside the pending versions.
pub(super) struct Known<'a> {
    /// Applied, and in the workspace.
    pub(super) applied: &'a [&'a Migration],
    /// Whether nothing at all is recorded, and what is pending writes data.
    pub(super) writes_afresh: bool,
    /// The state table.
    pub(super) table: &'a str,
}

/// A table is made in the schema that comes first, and an index where its table is; a column is
/// added to whatever table is found.
const THERE: &str = "
    SELECT w.at FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        WITH ORDINALITY AS w (what, relation, col, tab, at)
    WHERE CASE w.what
        WHEN 'column' THEN EXISTS (SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = pg_catalog.to_regclass(w.relation)
              AND a.attname = w.col AND NOT a.attisdropped)
        WHEN 'index' THEN EXISTS (SELECT FROM pg_catalog.pg_class i
            WHERE i.oid = pg_catalog.to_regclass(w.relation)
              AND i.relnamespace = coalesce(
                  (SELECT t.relnamespace FROM pg_catalog.pg_class t
                   WHERE t.oid = pg_catalog.to_regclass(w.tab)),
                  pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))))
        ELSE EXISTS (SELECT FROM pg_catalog.pg_class c
            WHERE c.oid = pg_catalog.to_regclass(w.relation)
              AND (w.col = 'qualified' OR c.relnamespace =
                  pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))))
        END
    ORDER BY 1";

pub(super) async fn unrecorded(
    client: &Client,
    pending: &[Migration],
    known: &Known<'_>,
) -> Result<Vec<Problem>, tokio_postgres::Error> {
    let made = made(pending);
    if made.is_empty() {
        return Ok(Vec::new());
    }
    let of = |get: fn(&Made) -> &str| made.iter().map(get).collect::<Vec<&str>>();
    let (whats, relations) = (of(|m| m.what), of(|m| &m.relation));
    let (columns, tables) = (of(|m| &m.column), of(|m| &m.table));
    let there = client
        .query(THERE, &[&whats, &relations, &columns, &tables])
        .await?;
    let mut problems: Vec<Problem> = Vec::new();
    for row in there {
        let at = usize::try_from(row.get::<_, i64>(0)).unwrap_or(0);
        let Some(made) = at.checked_sub(1).and_then(|at| made.get(at)) else {
            continue;
        };
        if problems.last().is_some_and(|p| p.version == made.version)
            || made.sign == Sign::Lenient && !known.tells(made, pending)
        {
            continue;
        }
        let (version, what, relation) = (&made.version, made.what, &made.relation);
        let object = match what {
            "column" => format!("{what} {} of {relation}", made.column),
            _ => format!("{what} {relation}"),
        };
        problems.push(Problem {
            kind: ProblemKind::Unrecorded,
            version: version.clone(),
            explanation: format!(
                "version {version} is pending, and {object}, which it makes, is there: \
                 its row was taken out of {}, or it was run by hand",
                known.table
            ),
        });
    }
    Ok(problems)
}

impl Known<'_> {
    /// Whether what is there, and may be there, is a sign of an earlier run: data would be written
    /// twice, and no applied version has made it.
    fn tells(&self, made: &Made, pending: &[Migration]) -> bool {
        let own = pending.iter().find(|m| m.version == made.version);
        if !self.writes_afresh && !own.is_some_and(writes) {
            return false;
        }
        let name = made.relation.rsplit('.').next().unwrap_or_default();
        let name = name.trim_matches('"').to_lowercase();
        let mut applied = self.applied.iter();
        !applied.any(|m| m.up_sql.to_lowercase().contains(&name))
    }
}

/// Whether running it twice would leave other data than running it once.
pub(super) fn writes(migration: &Migration) -> bool {
    let Ok(script) = Script::parse(&migration.up, &migration.up_sql) else {
        return false;
    };
    script.statements().iter().any(|statement| {
        let lenient = || {
            statement
                .text()
                .to_ascii_lowercase()
                .contains("on conflict")
        };
        match &statement.kind {
            Kind::Insert { .. } => !lenient(),
            Kind::Update { .. } | Kind::Copy { into: true, .. } => true,
            _ => false,
        }
    })
}

/// What is made, in the order of the chain; up to the first statement after which that cannot be
/// told.
fn made(pending: &[Migration]) -> Vec<Made> {
    let mut made = Vec::new();
    let mut gone = BTreeSet::new();
    // What repeats finds what it made.
    let once = pending.iter().filter(|m| m.repeats == Repeats::Never);
    for migration in once.take(FILES) {
        let Ok(script) = Script::parse(&migration.up, &migration.up_sql) else {
            break;
        };
        for statement in script.statements() {
            if !statement.is_analysed()
                || !note(&migration.version, &statement.kind, &mut gone, &mut made)
            {
                return made;
            }
        }
    }
    made
}

/// `false` when nothing can be told from here on.
fn note(version: &str, kind: &Kind, gone: &mut BTreeSet<String>, made: &mut Vec<Made>) -> bool {
    // A table that has to be made first tells it all, and another of its name may be elsewhere.
    let on = match kind {
        Kind::CreateIndex(it) => Some(it.table.to_string()),
        Kind::AlterTable(it) => Some(it.table.to_string()),
        _ => None,
    };
    let fresh = on.is_some_and(|table| {
        let mut tables = made.iter().filter(|m| m.what == "table");
        tables.any(|m| m.sign == Sign::Sure && m.relation == table)
    });
    let mut add = |gone: &BTreeSet<String>, what, relation: &Name, column: &str, lenient: bool| {
        let own = key(relation, if what == "column" { column } else { "" });
        if !gone.contains(&own) && !gone.contains(&relation.name) {
            made.push(Made {
                version: version.to_owned(),
                what,
                relation: relation.to_string(),
                column: column.to_owned(),
                table: String::new(),
                sign: match lenient {
                    true => Sign::Lenient,
                    false => Sign::Sure,
                },
            });
        }
    };
    match kind {
        Kind::CreateTable(it) if !it.temporary => {
            let place = it.table.schema.as_ref().map_or("", |_| "qualified");
            add(gone, "table", &it.table, place, it.if_not_exists);
        }
        // With a table or a part of it go its indexes.
        Kind::CreateIndex(it)
            if !it.if_not_exists
                && !fresh
                && !gone.contains(&it.table.name)
                && !gone.contains(&key(&it.table, ANY)) =>
        {
            if let Some(name) = &it.name {
                let index = Name {
                    schema: it.table.schema.clone(),
                    name: name.clone(),
                };
                add(gone, "index", &index, "", false);
                if let Some(made) = made.last_mut().filter(|m| m.what == "index") {
                    made.table = it.table.to_string();
                }
            }
        }
        Kind::AlterTable(it) => {
            for action in &it.actions {
                match action {
                    TableAction::AddColumn {
                        column,
                        if_not_exists: false,
                    } if !fresh => add(gone, "column", &it.table, &column.name, false),
                    TableAction::AddColumn { .. } => {}
                    TableAction::RenameTable { .. } | TableAction::SetSchema { .. } => {
                        gone.insert(it.table.name.clone());
                    }
                    other => {
                        if let TableAction::DropColumn { column, .. }
                        | TableAction::RenameColumn { from: column, .. } = other
                        {
                            gone.insert(key(&it.table, column));
                        }
                        gone.insert(key(&it.table, ANY));
                    }
                }
            }
        }
        Kind::AlterIndex { index, .. } => {
            gone.insert(index.name.clone());
        }
        Kind::Drop(it) => match it.object {
            Object::Schema | Object::Owned | Object::Extension | Object::Database => return false,
            _ => gone.extend(it.names.iter().map(|n| n.name.clone())),
        },
        Kind::Rename { from, .. } => {
            gone.insert(from.name.clone());
        }
        Kind::SetSchema { name, .. } => {
            gone.insert(name.name.clone());
        }
        Kind::Set { name, .. } | Kind::Reset { name } if name == "search_path" => return false,
        // A function may do anything.
        Kind::Select { functions, .. } if !functions.iter().all(|f| is_quiet(f)) => return false,
        Kind::Do { .. } => return false,
        _ => {}
    }
    true
}

/// Any part of a table.
const ANY: &str = "\0";

/// Without the schema: the same table may be named with it and without.
fn key(relation: &Name, column: &str) -> String {
    match column {
        "" => relation.name.clone(),
        column => format!("{}\0{column}", relation.name),
    }
}

/// Functions of the server that make and drop nothing.
fn is_quiet(function: &str) -> bool {
    let name = function.strip_prefix("pg_catalog.").unwrap_or(function);
    matches!(
        name,
        "setval" | "nextval" | "now" | "count" | "max" | "min" | "sum" | "coalesce" | "pg_sleep"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str]) -> Vec<String> {
        let migrations: Vec<Migration> = files
            .iter()
            .enumerate()
            .map(|(at, sql)| Migration::new(at.to_string(), "m", "m.sql", *sql))
            .collect();
        made(&migrations)
            .into_iter()
            .filter(|m| m.sign == Sign::Sure)
            .map(|m| format!("{} {}{}", m.version, m.relation, m.column))
            .collect()
    }

    #[test]
    fn only_what_would_fail_counts() {
        assert_eq!(
            of(&[
                "CREATE TABLE a (b int); CREATE TABLE IF NOT EXISTS c (d int);
                  ALTER TABLE c ADD COLUMN e int; CREATE INDEX i ON c (d);"
            ]),
            ["0 a", "0 ce", "0 i"]
        );
        assert_eq!(
            of(&[
                "DROP TABLE a; ALTER TABLE c DROP COLUMN d;",
                "CREATE TABLE a (b int); ALTER TABLE c ADD COLUMN d int;"
            ]),
            Vec::<String>::new()
        );
        for rebuilt in [
            "DROP TABLE public.a; CREATE TABLE a (b int); CREATE INDEX i ON a (b);",
            "ALTER TABLE a DROP CONSTRAINT i; CREATE UNIQUE INDEX i ON a (b);",
            "ALTER INDEX i RENAME TO j; CREATE INDEX i ON a (b);",
            "SELECT drop_all(); CREATE TABLE a (b int);",
        ] {
            assert_eq!(of(&[rebuilt]), Vec::<String>::new(), "{rebuilt}");
        }
    }

    #[test]
    fn what_is_written_twice_is_known() {
        let writes = |sql: &str| writes(&Migration::new("1", "m", "m.sql", sql));
        assert!(writes("INSERT INTO a VALUES (1);") && writes("UPDATE a SET b = b + 1;"));
        assert!(!writes("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING;"));
        assert!(!writes("CREATE TABLE IF NOT EXISTS a (b int);"));
    }

    #[test]
    fn nothing_is_said_after_what_is_not_understood() {
        let after = |sql: &str| of(&[sql, "CREATE TABLE a (b int);"]);
        for sql in [
            "SET search_path = app;",
            "SELECT set_config('search_path', '', false);",
            "CALL make_room();",
            "DROP SCHEMA app CASCADE;",
        ] {
            assert_eq!(after(sql), Vec::<String>::new(), "{sql}");
        }
        assert_eq!(after("SET lock_timeout = '1s';"), ["1 a"]);
    }
}
