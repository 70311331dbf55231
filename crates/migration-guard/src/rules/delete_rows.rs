//! DELETE of some rows.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Filter, Kind};

pub(super) const RULE: Rule = Rule {
    id: "delete-rows",
    severity: Severity::Warning,
    why: "the rows are gone, and no down file brings them back",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Delete {
        table,
        filter: Filter::Some,
    } = cx.kind
        && !cx.is_new(table)
    {
        hits.add(format!("rows of {table} are deleted"))
            .on(table)
            .loses(LossKind::SomeRows, table, None)
            .help("export them first");
    }
}
