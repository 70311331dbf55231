//! CREATE TRIGGER on a table that is in use.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "create-trigger",
    severity: Severity::Warning,
    why: "writes wait for a moment, and every later write pays for the trigger",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTrigger { table, .. } = cx.kind
        && !cx.is_new(table)
    {
        hits.add(format!("{table} gets a trigger"))
            .on(table)
            .help("with a lock_timeout");
    }
}
