//! DELETE of all rows.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Filter, Kind};

pub(super) const RULE: Rule = Rule {
    id: "delete-no-where",
    severity: Severity::Blocker,
    why: "all rows are gone",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Delete {
        table,
        filter: Filter::All,
    } = cx.kind
        && !(cx.is_new(table) && cx.state.made(table))
    {
        hits.add(format!("all rows of {table} are deleted"))
            .on(table)
            .loses(LossKind::AllRows, table, None)
            .help("a WHERE clause, in batches, after a backup");
    }
}
