//! ALTER COLUMN TYPE that touches no row.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;
use crate::sql::types::{self, TypeChange};

pub(super) const RULE: Rule = Rule {
    id: "type-change-safe-widening",
    severity: Severity::Info,
    why: "no row is touched, but prepared statements that return the column fail once in each session",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetType {
            column,
            ty,
            using: None,
            collate: false,
        } = action
            && let Some(from) = cx.state.column(table, column).and_then(|c| c.ty.as_ref())
            && from != ty
            && types::change(from, ty) == TypeChange::Free
        {
            hits.add(format!("{column} of {table} widens from {from} to {ty}"))
                .on(table)
                .help("with a lock_timeout, and clients that prepare a statement again after an error");
        }
    }
}
