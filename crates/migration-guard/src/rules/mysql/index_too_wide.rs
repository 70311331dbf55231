//! An index over many columns.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::ConstraintKind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "index-too-wide",
    severity: Severity::Info,
    why: "such an index is rarely used to its end and slows down every write",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, constraint) in walk::constraints(cx) {
        let (columns, most) = match &constraint.kind {
            ConstraintKind::Index {
                columns,
                method: None,
            } => (columns, 3),
            // A rule over many columns is one; it is the copies of a wide key that cost.
            ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } => {
                (columns, 5)
            }
            _ => continue,
        };
        if columns.len() > most {
            hits.add(format!(
                "a key of {} has {} columns",
                quoted(table),
                columns.len()
            ))
            .on(table)
            .help("lead with the most selective columns and leave out the rest");
        }
    }
}
