use crate::sql::model::Kind;
use crate::sql::script::Script;

/// Whether running the script changes nothing: no statement, or only ones like `SELECT 1`.
///
/// Such a down file "succeeds" and brings nothing back.
pub(super) fn effectless(script: &Script) -> bool {
    script.statements().iter().all(|s| match &s.kind {
        Kind::Harmless
        | Kind::Begin
        | Kind::Commit
        | Kind::Rollback
        | Kind::Savepoint
        | Kind::SavepointEnd
        | Kind::RollbackTo
        | Kind::Set { .. }
        | Kind::Reset { .. } => true,
        Kind::Select {
            functions,
            into,
            writes,
        } => functions.is_empty() && into.is_none() && writes.is_empty(),
        Kind::Do { body, opaque } => body.is_empty() && opaque.is_none(),
        _ => false,
    })
}
