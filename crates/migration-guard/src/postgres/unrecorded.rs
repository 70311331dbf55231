//! Pending migrations whose tables are there: somebody took their row out of the state table, or
//! ran them by hand.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::sql::Script;
use crate::sql::model::{Kind, Name, Object, TableAction};
use crate::{Migration, Problem, ProblemKind};

/// Looking through thousands of pending files would take longer than `status` may.
const FILES: usize = 200;

/// What a pending migration makes, and what must not be there before it runs.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    version: String,
    /// `table`, `index` or `column`.
    what: &'static str,
    /// The relation as SQL writes it.
    relation: String,
    /// Empty unless it is a column.
    column: String,
}

pub(super) async fn unrecorded(
    client: &Client,
    pending: &[Migration],
    table: &str,
) -> Result<Vec<Problem>, tokio_postgres::Error> {
    let made = made(pending);
    if made.is_empty() {
        return Ok(Vec::new());
    }
    let relations: Vec<&str> = made.iter().map(|m| m.relation.as_str()).collect();
    let columns: Vec<&str> = made.iter().map(|m| m.column.as_str()).collect();
    let there = client
        .query(
            "SELECT w.at FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (relation, col, at)
             WHERE pg_catalog.to_regclass(w.relation) IS NOT NULL
               AND (w.col = '' OR EXISTS (SELECT FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = pg_catalog.to_regclass(w.relation)
                      AND a.attname = w.col AND NOT a.attisdropped))
             ORDER BY 1",
            &[&relations, &columns],
        )
        .await?;
    let mut problems: Vec<Problem> = Vec::new();
    for row in there {
        let at = usize::try_from(row.get::<_, i64>(0)).unwrap_or(0);
        let Some(made) = at.checked_sub(1).and_then(|at| made.get(at)) else {
            continue;
        };
        if problems.last().is_some_and(|p| p.version == made.version) {
            continue;
        }
        let (version, what, relation) = (&made.version, made.what, &made.relation);
        let object = match made.column.as_str() {
            "" => format!("{what} {relation}"),
            column => format!("{what} {column} of {relation}"),
        };
        problems.push(Problem {
            kind: ProblemKind::Unrecorded,
            version: version.clone(),
            explanation: format!(
                "version {version} is pending, and {object}, which it makes, is there: \
                 its row was taken out of {table}, or it was run by hand"
            ),
        });
    }
    Ok(problems)
}

/// What can only be made where it is not, in the order of the chain; up to the first statement
/// after which that cannot be told.
fn made(pending: &[Migration]) -> Vec<Made> {
    let mut made = Vec::new();
    let mut gone = BTreeSet::new();
    for migration in pending.iter().take(FILES) {
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
    let mut add = |gone: &BTreeSet<String>, what, relation: &Name, column: &str| {
        let key = key(relation, column);
        if !gone.contains(&key) && !gone.contains(&relation.key()) {
            made.push(Made {
                version: version.to_owned(),
                what,
                relation: relation.to_string(),
                column: column.to_owned(),
            });
        }
    };
    match kind {
        Kind::CreateTable(it) if !it.if_not_exists && !it.temporary => {
            add(gone, "table", &it.table, "");
        }
        Kind::CreateIndex(it) if !it.if_not_exists => {
            if let Some(name) = &it.name {
                let index = Name {
                    schema: it.table.schema.clone(),
                    name: name.clone(),
                };
                add(gone, "index", &index, "");
            }
        }
        Kind::AlterTable(it) => {
            for action in &it.actions {
                match action {
                    TableAction::AddColumn {
                        column,
                        if_not_exists: false,
                    } => add(gone, "column", &it.table, &column.name),
                    TableAction::DropColumn { column, .. }
                    | TableAction::RenameColumn { from: column, .. } => {
                        gone.insert(key(&it.table, column));
                    }
                    TableAction::RenameTable { .. } | TableAction::SetSchema { .. } => {
                        gone.insert(it.table.key());
                    }
                    _ => {}
                }
            }
        }
        Kind::Drop(it) => match it.object {
            Object::Schema | Object::Owned | Object::Extension | Object::Database => return false,
            _ => gone.extend(it.names.iter().map(Name::key)),
        },
        Kind::Rename { from, .. } => {
            gone.insert(from.key());
        }
        Kind::SetSchema { name, .. } => {
            gone.insert(name.key());
        }
        Kind::Set { name, .. } | Kind::Reset { name } if name == "search_path" => return false,
        Kind::Select { functions, .. } if functions.iter().any(|f| f.ends_with("set_config")) => {
            return false;
        }
        Kind::Do { .. } => return false,
        _ => {}
    }
    true
}

fn key(relation: &Name, column: &str) -> String {
    match column {
        "" => relation.key(),
        column => format!("{}\0{column}", relation.key()),
    }
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
