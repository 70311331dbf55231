//! CREATE TABLE … PARTITION OF a table that is in use.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "create-partition-of",
    severity: Severity::Error,
    why: "readers and writers of the parent wait, and the default partition is read meanwhile",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && let Some(parent) = &it.partition_of
        && !cx.is_new(parent)
    {
        hits.add(format!("creating {} locks {parent} exclusively", it.table))
            .on(parent)
            .help("CREATE TABLE … (LIKE parent), a CHECK of the bounds, then ATTACH PARTITION");
    }
}
