//! An index over more than three columns.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, Kind};

pub(super) const RULE: Rule = Rule {
    id: "index-too-wide",
    severity: Severity::Info,
    why: "such an index is rarely used to its end and slows down every write",
    check: Check::Statement(check),
};

/// Columns of an index that only has to find rows.
const PLAIN: usize = 3;
/// Columns of one that has to keep them apart.
const UNIQUE: usize = 5;

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, constraint) in walk::constraints(cx) {
        if let ConstraintKind::Unique { columns, .. } | ConstraintKind::PrimaryKey { columns, .. } =
            &constraint.kind
            && columns.len() > UNIQUE
        {
            hits.add(format!("a key of {table} has {} columns", columns.len()))
                .on(table)
                .help("a key of its own, and a shorter uniqueness");
        }
    }
    if let Kind::CreateIndex(it) = cx.kind
        && it.columns.len() > if it.unique { UNIQUE } else { PLAIN }
    {
        hits.add(format!(
            "the index on {} has {} columns",
            it.table,
            it.columns.len()
        ))
        .on(&it.table)
        .help("lead with the most selective columns and leave out the rest");
    }
}
