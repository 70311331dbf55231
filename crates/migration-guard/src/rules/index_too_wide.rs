//! An index over more than three columns.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-too-wide",
    severity: Severity::Info,
    why: "such an index is rarely used to its end and slows down every write",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && !it.unique
        && it.columns.len() > 3
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
