//! REFRESH MATERIALIZED VIEW CONCURRENTLY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "refresh-matview-concurrent",
    severity: Severity::Info,
    why: "it fails without a unique index on plain columns, and other refreshes wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::RefreshView {
        view,
        concurrently: true,
        ..
    } = cx.kind
    {
        hits.add(format!("{view} needs a unique index for this"))
            .on(view);
    }
}
