//! What an interrupted run left of a version that does not run in one transaction. Neither tool
//! marks that, so the catalogue is asked.

use crate::postgres::catalogue::probe;
use crate::postgres::session::{Session, failed};
use crate::sql::Script;
use crate::sql::model::{Kind, Name};
use crate::{Error, ErrorKind, Migration, Repair, Resolution, StatementState};

/// Of a version that is not recorded.
pub(super) async fn found(session: &Session, migration: &Migration) -> Result<Resolution, Error> {
    use StatementState as S;
    let script = Script::parse(&migration.up, &migration.up_sql)?;
    let mut states = Vec::new();
    for statement in script.statements() {
        let state = probe(&session.client, statement)
            .await
            .map_err(|e| failed("look up what is left of version", &migration.version, &e))?;
        states.push(state);
    }
    if states.iter().any(|s| matches!(s, S::Done | S::Broken)) {
        let repair = repair_of(&script, &states);
        return Ok(Resolution::Partial {
            statements: states,
            repair,
            mark: None,
        });
    }
    if states.contains(&S::Unknown) {
        return Ok(Resolution::Unknown {
            why: "it is not recorded, and what of it runs outside a transaction leaves no trace that could be looked up".to_owned(),
        });
    }
    Ok(Resolution::NotApplied)
}

/// Broken indexes are of no use to anybody and can go; the rest has to be recorded or undone, and
/// only the tool may record.
fn repair_of(script: &Script, states: &[StatementState]) -> Repair {
    let mut sql = Vec::new();
    for (statement, state) in script.statements().iter().zip(states) {
        match (state, &statement.kind) {
            (StatementState::NotDone | StatementState::NoEffect, _) => {}
            (StatementState::Broken, Kind::CreateIndex(it)) if it.name.is_some() => {
                let index = Name {
                    schema: it.table.schema.clone(),
                    name: it.name.clone().unwrap_or_default(),
                };
                sql.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"));
            }
            _ => {
                let why = match state {
                    StatementState::Done => "took effect, and the version is not recorded",
                    StatementState::Broken => "is half-done",
                    _ => "cannot be told from the catalogue",
                };
                return Repair::Human {
                    why: format!("`{}` {why}", statement.summary(60)),
                };
            }
        }
    }
    Repair::Undo { sql }
}

/// Drops what is of no use.
pub(super) async fn undo(
    session: &mut Session,
    version: &str,
    sql: &[String],
) -> Result<(), Error> {
    // Nobody waits behind it, so it runs under no limit.
    let limits = "SET lock_timeout = 0; SET statement_timeout = 0".to_owned();
    for statement in std::iter::once(&limits).chain(sql) {
        session
            .execute(statement)
            .await
            .map_err(|e| failed("repair version", version, &e))?;
    }
    Ok(())
}

pub(super) fn human(version: &str, why: &str) -> Error {
    Error::new(ErrorKind::NeedsHuman, "repair version", version)
        .because(why)
        .with_help("compare its SQL with the schema, and take back by hand what is there of it")
}
