//! What an interrupted run left, and how to put it right.

use crate::postgres::catalogue;
use crate::postgres::session::{Session, failed};
use crate::postgres::state::{self, Change};
use crate::sql::Script;
use crate::sql::model::{Kind, Name};
use crate::{Error, ErrorKind, Layout, Migration, Repair, Resolution, StatementState};

pub(super) async fn resolve(
    session: &mut Session,
    layout: Layout,
    migration: &Migration,
    all: &[Migration],
) -> Result<Resolution, Error> {
    let recorded = state::read(layout, &session.client, all).await?;
    if !recorded.dirty.contains(&migration.version) {
        return Ok(if recorded.find(&migration.version).is_some() {
            Resolution::Applied
        } else {
            Resolution::NotApplied
        });
    }
    let script = match Script::parse(&migration.up, &migration.up_sql) {
        Ok(script) => script,
        Err(error) => {
            return Ok(Resolution::Unknown {
                why: error.to_string(),
            });
        }
    };
    let mut statements = Vec::new();
    for statement in script.statements() {
        let state = catalogue::probe(&session.client, &statement.kind)
            .await
            .map_err(|e| failed("look up what is left of version", &migration.version, &e))?;
        statements.push(state);
    }
    let repair = repair_of(&script, &statements);
    Ok(Resolution::Partial { statements, repair })
}

pub(super) async fn repair(
    session: &mut Session,
    layout: Layout,
    migration: &Migration,
    all: &[Migration],
) -> Result<Resolution, Error> {
    let failed = |e: tokio_postgres::Error| failed("repair version", &migration.version, &e);
    let human = |why: &str| {
        Error::new(ErrorKind::NeedsHuman, "repair version", &migration.version)
            .because(why)
            .with_help("compare the file with the schema, and correct both the schema and the mark")
    };
    let change = match resolve(session, layout, migration, all).await? {
        Resolution::Partial {
            repair: Repair::Complete,
            ..
        } => Change::Completed { nanos: -1 },
        Resolution::Partial {
            repair: Repair::Undo { sql },
            ..
        } => {
            session
                .execute("SET lock_timeout = 0; SET statement_timeout = 0")
                .await
                .map_err(failed)?;
            for statement in sql {
                session.execute(&statement).await.map_err(failed)?;
            }
            Change::Forgotten
        }
        Resolution::Partial {
            repair: Repair::Human { why },
            ..
        } => return Err(human(&why)),
        Resolution::Unknown { why } => return Err(human(&why)),
        settled => return Ok(settled),
    };
    let sql = state::change(layout, change, migration, all);
    session.execute(&sql).await.map_err(failed)?;
    resolve(session, layout, migration, all).await
}

/// All of it there: complete. Nothing there, or only indexes that this very run built: undo.
/// A build without IF NOT EXISTS is ours, because the run refuses to start over an existing one.
fn repair_of(script: &Script, states: &[StatementState]) -> Repair {
    use StatementState as S;
    let pairs = || script.statements().iter().zip(states);
    if states.iter().all(|s| matches!(s, S::Done | S::NoEffect)) {
        return Repair::Complete;
    }
    let mut sql = Vec::new();
    for (statement, state) in pairs().rev() {
        match (state, &statement.kind) {
            (S::NotDone | S::NoEffect, _) => {}
            (S::Broken | S::Done, Kind::CreateIndex(it))
                if *state == S::Broken || !it.if_not_exists =>
            {
                let index = Name {
                    schema: it.table.schema.clone(),
                    name: it.name.clone().unwrap_or_default(),
                };
                sql.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"));
            }
            _ => {
                let line = statement.line();
                let why = match state {
                    S::Unknown => "cannot be told from the catalogue",
                    S::Broken => "is half-done",
                    _ => "took effect and others did not",
                };
                return Repair::Human {
                    why: format!("the statement in line {line} {why}"),
                };
            }
        }
    }
    Repair::Undo { sql }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn repair(sql: &str, states: &[StatementState]) -> Repair {
        repair_of(&Script::parse(Path::new("m.sql"), sql).unwrap(), states)
    }

    #[test]
    fn only_what_is_proved_is_repaired() {
        use StatementState as S;
        let two = "CREATE INDEX CONCURRENTLY a ON t (x); CREATE INDEX CONCURRENTLY b ON t (y);";
        assert_eq!(repair(two, &[S::Done, S::Done]), Repair::Complete);
        assert_eq!(
            repair(two, &[S::NotDone, S::NotDone]),
            Repair::Undo { sql: vec![] }
        );
        let Repair::Undo { sql } = repair(two, &[S::Done, S::Broken]) else {
            panic!("ours to drop")
        };
        assert_eq!(sql.len(), 2);
        assert!(sql[0].ends_with(" b"), "newest first: {sql:?}");
        let mixed = "ALTER TABLE t ADD COLUMN x int; UPDATE t SET x = 1 WHERE y;";
        assert!(matches!(
            repair(mixed, &[S::Done, S::Unknown]),
            Repair::Human { .. }
        ));
        let lenient = "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON t (x); DROP TABLE y;";
        assert!(matches!(
            repair(lenient, &[S::Done, S::NotDone]),
            Repair::Human { .. }
        ));
    }
}
