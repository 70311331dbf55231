//! What runs only if a condition holds may find things either way.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use crate::sql::model::{AlterType, Kind, TableAction};

/// Whether something around `node` decides if it runs, or catches its error.
pub(super) fn is_conditional(node: &SyntaxNode) -> bool {
    node.ancestors().any(|around| {
        let kind = around.kind();
        ast::PlpgsqlIfStmt::can_cast(kind)
            || ast::PlpgsqlCaseStmt::can_cast(kind)
            || ast::PlpgsqlWhileStmt::can_cast(kind)
            || ast::PlpgsqlForIStmt::can_cast(kind)
            || ast::PlpgsqlForQueryStmt::can_cast(kind) && around != *node
            || ast::PlpgsqlForDynStmt::can_cast(kind) && around != *node
            || ast::PlpgsqlExceptionHandler::can_cast(kind)
            || ast::PlpgsqlBlock::cast(around).is_some_and(|b| b.exception().is_some())
    })
}

/// The same statement as if it said IF [NOT] EXISTS: nothing follows from it for certain.
pub(super) fn guarded(mut kind: Kind) -> Kind {
    match &mut kind {
        Kind::CreateTable(it) => it.if_not_exists = true,
        Kind::CreateIndex(it) => it.if_not_exists = true,
        Kind::CreateSequence { if_not_exists, .. }
        | Kind::CreateSchema { if_not_exists, .. }
        | Kind::CreateExtension { if_not_exists, .. }
        | Kind::AlterType {
            action: AlterType::AddValue { if_not_exists, .. },
            ..
        } => *if_not_exists = true,
        Kind::Drop(it) => it.if_exists = true,
        Kind::AlterTable(it) => {
            for action in &mut it.actions {
                match action {
                    TableAction::AddColumn { if_not_exists, .. } => *if_not_exists = true,
                    TableAction::DropColumn { if_exists, .. }
                    | TableAction::DropConstraint { if_exists, .. } => *if_exists = true,
                    _ => {}
                }
            }
        }
        _ => {}
    }
    kind
}
