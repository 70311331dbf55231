//! UPDATE of some rows.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Filter, Kind};

pub(super) const RULE: Rule = Rule {
    id: "update-rows",
    severity: Severity::Info,
    why: "the values before are gone, and no down file brings them back",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Update {
        table,
        filter: Filter::Some,
        ..
    } = cx.kind
        && !cx.is_new(table)
    {
        hits.add(format!("rows of {table} are updated"))
            .on(table)
            .loses(LossKind::Values, table, None);
    }
}
