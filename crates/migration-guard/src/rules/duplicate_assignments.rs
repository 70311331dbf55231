//! One column is assigned twice.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "duplicate-assignments",
    severity: Severity::Error,
    why: "the server refuses the statement",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let columns = match cx.kind {
        Kind::Update { columns, .. } => columns,
        Kind::Insert {
            explicit_columns, ..
        } => explicit_columns,
        _ => return,
    };
    let mut seen = std::collections::BTreeSet::new();
    for column in columns {
        if !seen.insert(column) {
            hits.add(format!("{column} is assigned twice"));
        }
    }
}
