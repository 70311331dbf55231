//! What an interrupted run left, and how to put it right.

use crate::postgres::catalogue;
use crate::postgres::session::{Session, failed};
use crate::postgres::state::{self, Change};
use crate::postgres::traces::in_order;
use crate::revert::way_back;
use crate::sql::model::{Kind, Object};
use crate::sql::{Script, Statement};
use crate::status::Recorded;
use crate::{
    Direction, Error, ErrorKind, Layout, Mark, Migration, Repair, Resolution, Settled,
    StatementState,
};

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
    let direction = direction(&recorded, migration);
    let script = match direction {
        Direction::Up => Script::parse(&migration.up, &migration.up_sql),
        Direction::Down => way_back(migration),
    };
    let script = match script {
        Ok(script) => script,
        Err(error) => {
            return Ok(Resolution::Unknown {
                why: error.to_string(),
            });
        }
    };
    let failed = |e| failed("look up what is left of version", &migration.version, &e);
    let (mut statements, mut rests) = (Vec::new(), Vec::new());
    for (at, statement) in script.statements().iter().enumerate() {
        let state = catalogue::probe(&session.client, statement)
            .await
            .map_err(failed)?;
        let rest = catalogue::rests(&session.client, statement).await;
        rests.push(rest.map_err(failed)?);
        statements.push(
            if is_ambiguous(&script.statements()[..at], statement, state) {
                StatementState::Unknown
            } else {
                state
            },
        );
    }
    in_order(script.statements(), &mut statements, direction);
    let repair = repair_of(&script, &statements, &rests);
    let mark = Mark::new(direction, state::mark(layout, &migration.version), &script);
    Ok(Resolution::Partial {
        statements,
        repair,
        mark: Some(mark),
    })
}

/// Which way of an interrupted version was run.
fn direction(recorded: &Recorded, migration: &Migration) -> Direction {
    match recorded.reverting.contains(&migration.version) {
        true => Direction::Down,
        false => Direction::Up,
    }
}

/// Takes the mark of an interrupted run away, by a person's word.
pub(super) async fn settle(
    session: &mut Session,
    layout: Layout,
    migration: &Migration,
    all: &[Migration],
    settled: Settled,
) -> Result<Resolution, Error> {
    let recorded = state::read(layout, &session.client, all).await?;
    if recorded.dirty.contains(&migration.version) {
        let change = match settled {
            Settled::Applied => Change::Completed { nanos: -1 },
            Settled::NotApplied => Change::Forgotten,
        };
        let sql = state::change(layout, change, migration, all);
        let failed = |e| failed("settle version", &migration.version, &e);
        session.execute(&sql).await.map_err(failed)?;
    }
    let now = resolve(session, layout, migration, all).await?;
    match (&now, settled) {
        (Resolution::Applied, Settled::Applied) | (Resolution::NotApplied, Settled::NotApplied) => {
            Ok(now)
        }
        _ => Err(
            Error::new(ErrorKind::NeedsHuman, "settle version", &migration.version)
                .because("no run of it is marked as interrupted, and its record says otherwise")
                .with_help("take it back with its way back, or apply it"),
        ),
    }
}

/// Whether an index that is there may be the one that an earlier statement was to drop.
fn is_ambiguous(before: &[Statement], statement: &Statement, state: StatementState) -> bool {
    let Kind::CreateIndex(it) = &statement.kind else {
        return false;
    };
    let drops = |s: &Statement| {
        matches!(&s.kind, Kind::Drop(d) if d.object == Object::Index
            && d.names.iter().any(|n| Some(&n.name) == it.name.as_ref()))
    };
    state == StatementState::Done && before.iter().any(drops)
}

pub(super) async fn repair(
    session: &mut Session,
    layout: Layout,
    migration: &Migration,
    all: &[Migration],
) -> Result<Resolution, Error> {
    let failed = |e: tokio_postgres::Error| failed("repair version", &migration.version, &e);
    let (table, row) = state::mark(layout, &migration.version);
    let human = |why: &str| {
        Error::new(ErrorKind::NeedsHuman, "repair version", &migration.version)
            .because(why)
            .with_help(format!(
                "compare the file with the schema, and settle it as applied or as not applied; \
                 the mark is in {table}, where {row}"
            ))
    };
    let (repair, direction) = match resolve(session, layout, migration, all).await? {
        Resolution::Partial { repair, mark, .. } => {
            (repair, mark.map_or(Direction::Up, |mark| mark.direction))
        }
        Resolution::Unknown { why } => return Err(human(&why)),
        settled => return Ok(settled),
    };
    let done = match repair {
        Repair::Complete => true,
        Repair::Undo { sql } => {
            unhurried(session, &sql).await.map_err(failed)?;
            false
        }
        Repair::Finish { sql } => {
            unhurried(session, &sql).await.map_err(failed)?;
            true
        }
        Repair::Human { why } => return Err(human(&why)),
    };
    let change = match done == (direction == Direction::Up) {
        true => Change::Completed { nanos: -1 },
        false => Change::Forgotten,
    };
    let sql = state::change(layout, change, migration, all);
    session.execute(&sql).await.map_err(failed)?;
    resolve(session, layout, migration, all).await
}

/// What is repaired ran under no limit, and does not here: nobody waits behind it.
async fn unhurried(session: &mut Session, sql: &[String]) -> Result<(), tokio_postgres::Error> {
    session
        .execute("SET lock_timeout = 0; SET statement_timeout = 0")
        .await?;
    for statement in sql {
        session.execute(statement).await?;
    }
    Ok(())
}

/// All of it there, or what is missing can be run again without harm: complete or finish. Nothing
/// there, or only indexes that this very run built: undo. A build without IF NOT EXISTS is ours,
/// because the run refuses to start over an existing one.
fn repair_of(script: &Script, states: &[StatementState], rests: &[Vec<String>]) -> Repair {
    match onward(script, states, rests) {
        Some(sql) if sql.is_empty() => Repair::Complete,
        Some(sql) => Repair::Finish { sql },
        None => back(script, states, rests),
    }
}

/// SQL that goes on to the end, if something took effect and the rest can be told.
fn onward(
    script: &Script,
    states: &[StatementState],
    rests: &[Vec<String>],
) -> Option<Vec<String>> {
    use StatementState as S;
    let last = states.iter().rposition(|s| *s == S::Done);
    let mut begun = last.is_some();
    let mut sql = Vec::new();
    for (at, statement) in script.statements().iter().enumerate() {
        match states.get(at)? {
            S::Done => {}
            // What comes before something that is done has run.
            S::NoEffect if last.is_some_and(|last| at < last) || !is_maintenance(statement) => {}
            S::NoEffect => sql.push(statement.text().to_owned()),
            S::Broken if is_maintenance(statement) => {
                sql.extend(rests.get(at)?.iter().cloned());
                sql.push(statement.text().to_owned());
            }
            S::Broken => {
                sql.push(catalogue::rest_of_the_way(statement)?);
                begun = true;
            }
            S::NotDone | S::Unknown => return None,
        }
    }
    begun.then_some(sql)
}

/// Work that can be done again at any time, and leaves nothing that can be seen.
fn is_maintenance(statement: &Statement) -> bool {
    matches!(
        statement.kind,
        Kind::Reindex { .. }
            | Kind::Vacuum { .. }
            | Kind::Analyze { .. }
            | Kind::Cluster { .. }
            | Kind::RefreshView { .. }
    )
}

fn back(script: &Script, states: &[StatementState], rests: &[Vec<String>]) -> Repair {
    use StatementState as S;
    let mut sql = Vec::new();
    for (at, statement) in script.statements().iter().enumerate().rev() {
        let state = states.get(at).copied().unwrap_or(S::Unknown);
        let ours = || rests.get(at).into_iter().flatten().cloned();
        match (state, &statement.kind) {
            (S::NotDone | S::NoEffect, _) => {}
            (S::Broken, Kind::CreateIndex(_) | Kind::Reindex { .. }) => sql.extend(ours()),
            (S::Done, Kind::CreateIndex(it)) if !it.if_not_exists => sql.extend(ours()),
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
        let script = Script::parse(Path::new("m.sql"), sql).unwrap();
        let rest = |statement: &Statement| match &statement.kind {
            Kind::CreateIndex(it) => vec![format!("DROP {}", it.name.as_deref().unwrap())],
            Kind::Reindex { .. } => vec!["DROP i_ccnew".to_owned()],
            _ => Vec::new(),
        };
        let rests: Vec<_> = script.statements().iter().map(rest).collect();
        repair_of(&script, states, &rests)
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

    #[test]
    fn what_can_only_go_on_is_finished() {
        use StatementState as S;
        let finish = |sql: &str, states: &[S]| match repair(sql, states) {
            Repair::Finish { sql } => sql,
            other => panic!("{other:?}"),
        };
        let detach = "ALTER TABLE p DETACH PARTITION c CONCURRENTLY;";
        assert_eq!(
            finish(detach, &[S::Broken]),
            ["ALTER TABLE p DETACH PARTITION c FINALIZE"]
        );
        let drop = "DROP INDEX CONCURRENTLY a;";
        assert_eq!(
            finish(drop, &[S::Broken]),
            ["DROP INDEX CONCURRENTLY IF EXISTS a"]
        );
        let build = "CREATE INDEX CONCURRENTLY a ON t (x); VACUUM t;";
        assert_eq!(finish(build, &[S::Done, S::NoEffect]), ["VACUUM t"]);
        let then = "VACUUM t; CREATE INDEX CONCURRENTLY a ON t (x);";
        assert_eq!(repair(then, &[S::NoEffect, S::Done]), Repair::Complete);
    }

    #[test]
    fn maintenance_alone_is_run_again() {
        use StatementState as S;
        let vacuum = repair("VACUUM t;", &[S::NoEffect]);
        assert_eq!(vacuum, Repair::Undo { sql: vec![] });
        let reindex = repair("REINDEX INDEX CONCURRENTLY i;", &[S::Broken]);
        let sql = vec!["DROP i_ccnew".to_owned()];
        assert_eq!(reindex, Repair::Undo { sql });
    }

    #[test]
    fn an_index_that_is_built_anew_under_its_name_may_be_the_old_one() {
        let sql = "DROP INDEX CONCURRENTLY a; CREATE INDEX CONCURRENTLY a ON t (x);";
        let script = Script::parse(Path::new("m.sql"), sql).unwrap();
        let [drop, build] = script.statements() else {
            panic!("two")
        };
        let before = std::slice::from_ref(drop);
        assert!(is_ambiguous(before, build, StatementState::Done));
        assert!(!is_ambiguous(&[], build, StatementState::Done));
        assert!(!is_ambiguous(before, build, StatementState::Broken));
    }
}
