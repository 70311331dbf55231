//! UPDATE of all rows in one statement.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Filter, Kind};

pub(super) const RULE: Rule = Rule {
    id: "update-no-where",
    severity: Severity::Error,
    why: "all rows are locked until commit, written to the log and left behind as dead copies",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Update {
        table,
        columns,
        filter: Filter::All,
    } = cx.kind
        && !cx.is_new(table)
    {
        let hit = hits
            .add(format!("all rows of {table} are updated at once"))
            .on(table)
            .help("in batches with a commit after each, outside the schema migration");
        if !cx.only_new_columns(table, columns) {
            hit.loses(LossKind::Values, table, None);
        }
    }
}
