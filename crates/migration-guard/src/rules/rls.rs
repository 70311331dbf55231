//! A change of row level security.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, Object, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "rls",
    severity: Severity::Warning,
    why: "with no policy that matches, queries return nothing and report no error",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if *action == TableAction::RowSecurity {
            hits.add(format!("row level security of {table} changes"))
                .on(table)
                .help("the policies first, then ENABLE");
        }
    }
    match cx.kind {
        Kind::CreatePolicy { table } | Kind::ChangePolicy { table } if !cx.is_new(table) => {
            hits.add(format!("who sees which rows of {table} changes"))
                .on(table);
        }
        Kind::Drop(it) if it.object == Object::Policy => {
            hits.add("who sees which rows changes");
        }
        _ => {}
    }
}
