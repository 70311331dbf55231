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
        columns,
        filter: Filter::Some,
    } = cx.kind
        && !cx.is_new(table)
    {
        let hit = hits.add(format!("rows of {table} are updated")).on(table);
        if !cx.only_new_columns(table, columns) {
            hit.loses(LossKind::Values, table, None);
        }
    }
}
