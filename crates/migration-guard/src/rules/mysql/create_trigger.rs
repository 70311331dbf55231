//! CREATE TRIGGER.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "create-trigger",
    severity: Severity::Warning,
    why: "it waits for every open transaction on the table, and every later write pays for the trigger",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTrigger { table, .. } = cx.kind
        && !cx.is_new(table)
    {
        hits.add(format!("{} gets a trigger", quoted(table)))
            .on(table)
            .help("SET SESSION lock_wait_timeout = 5");
    }
}
