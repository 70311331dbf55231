//! ALTER COLUMN TYPE that writes every row.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;
use crate::sql::types::{self, TypeChange};

pub(super) const RULE: Rule = Rule {
    id: "type-change-rewrite",
    severity: Severity::Error,
    why: "the table and the indexes on the column are written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetType {
            column,
            ty,
            using,
            collate,
        } = action
        {
            let from = cx.state.column(table, column).and_then(|c| c.ty.as_ref());
            let change = from.map(|from| types::change(from, ty));
            let free = using.is_none()
                && (matches!(change, Some(TypeChange::Free | TypeChange::FreeInUtc))
                    || (*collate && change.is_none()));
            if !free {
                let was = from.map(|f| format!(" from {f}")).unwrap_or_default();
                hits.add(format!("{column} of {table} changes{was} to {ty}"))
                    .on(table)
                    .help(
                        "a new column kept in step by a trigger, filling in batches, then a swap",
                    );
            }
        }
    }
}
