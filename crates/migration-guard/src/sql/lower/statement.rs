use squawk_syntax::ast::{AstNode, Stmt};

use super::words::Words;
use super::{data, expr, object, routine, session, table};
use crate::sql::model::Kind;
use crate::sql::plpgsql;

/// What one parsed statement does.
pub(crate) fn statement(stmt: &Stmt) -> Kind {
    let node = stmt.syntax();
    match stmt {
        Stmt::CreateTable(it) => table::create_table(it),
        Stmt::AlterTable(it) => table::alter_table(it),
        Stmt::AlterForeignTable(it) => table::alter_foreign_table(it),
        Stmt::CreateIndex(it) => table::create_index(it),
        Stmt::CreateTableAs(it) => Kind::CreateTableAs {
            table: expr::path(it.table_name().and_then(|t| t.path())),
            if_not_exists: it.if_not_exists().is_some(),
            temporary: table::temporary(it.persistence()),
            until_commit: table::until_commit(it.on_commit()),
            with_data: !Words::of(node).has(&["with", "no", "data"]),
        },
        Stmt::Update(it) => data::update(it),
        Stmt::Delete(it) => data::delete(it),
        Stmt::Insert(it) => data::insert(it),
        Stmt::Merge(it) => data::merge(it),
        Stmt::Copy(it) => data::copy(it),
        Stmt::Select(_)
        | Stmt::SelectInto(_)
        | Stmt::CompoundSelect(_)
        | Stmt::ParenSelect(_)
        | Stmt::Table(_)
        | Stmt::Values(_) => data::select(node),
        Stmt::Truncate(_) => {
            let words = Words::of(node);
            let (tables, _) = words.names(words.skip(1, &["table"]));
            Kind::Truncate {
                tables,
                cascade: words.has(&["cascade"]),
            }
        }
        Stmt::CreateFunction(it) => routine::create_function(it),
        Stmt::CreateProcedure(it) => routine::create_procedure(it),
        Stmt::Do(it) => plpgsql::anonymous(it),
        Stmt::Call(_) => Kind::Call {
            name: Words::of(node).name(1).0,
        },
        Stmt::AlterIndex(_) => object::alter_index(node),
        Stmt::AlterSequence(_) => object::alter_sequence(node),
        Stmt::CreateType(_) => object::create_type(node),
        Stmt::AlterType(_) => object::alter_type(node),
        Stmt::CreateDomain(_) => object::create_domain(node),
        Stmt::AlterDomain(_) => object::alter_domain(node),
        Stmt::CommentOn(_) => object::comment(node),
        Stmt::Grant(_) | Stmt::Revoke(_) => object::grant(node),
        Stmt::AlterDefaultPrivileges(_) => Kind::Grant {
            broad: Words::of(node).has(&["to", "public"]),
            revoke: Words::of(node).has(&["revoke"]),
        },
        Stmt::AlterSystem(_) => Kind::SystemSettings,
        Stmt::Begin(_) => Kind::Begin,
        Stmt::Commit(_) => Kind::Commit,
        Stmt::Rollback(_) if Words::of(node).has(&["to"]) => Kind::RollbackTo,
        Stmt::Rollback(_) => Kind::Rollback,
        Stmt::SavepointCreate(_) => Kind::Savepoint,
        Stmt::ReleaseSavepoint(_) => Kind::SavepointEnd,
        Stmt::Set(_) => session::set(node),
        Stmt::Reset(_) => session::reset(node),
        Stmt::Discard(_) => session::discard(node),
        Stmt::Lock(_) => session::lock(node),
        Stmt::Vacuum(it) => session::vacuum(node, it.is_full()),
        Stmt::Analyze(_) => session::analyze(node),
        Stmt::Cluster(_) => session::cluster(node),
        Stmt::Reindex(it) => session::reindex(node, it.is_concurrently()),
        Stmt::Refresh(_) => session::refresh(node),
        Stmt::Reassign(_) => Kind::Roles,
        // EXPLAIN ANALYZE runs what it explains.
        Stmt::Explain(_) if Words::of(node).has(&["analyze"]) => Kind::Unanalysed,
        Stmt::Explain(_)
        | Stmt::Show(_)
        | Stmt::SecurityLabel(_)
        | Stmt::SetTransaction(_)
        | Stmt::SetConstraints(_)
        | Stmt::SetRole(_)
        | Stmt::ResetRole(_)
        | Stmt::SetSessionAuth(_)
        | Stmt::ResetSessionAuth(_)
        | Stmt::Notify(_)
        | Stmt::Listen(_)
        | Stmt::Unlisten(_)
        | Stmt::Deallocate(_)
        | Stmt::Checkpoint(_)
        | Stmt::Declare(_)
        | Stmt::Fetch(_)
        | Stmt::Move(_)
        | Stmt::Close(_)
        | Stmt::Prepare(_)
        | Stmt::AlterStatistics(_)
        | Stmt::EmptyStmt(_) => Kind::Harmless,
        _ => match Words::of(node).get(0) {
            "drop" => object::drop(node),
            "alter" => object::alter(node),
            "create" => object::create(node),
            _ => Kind::Unanalysed,
        },
    }
}
