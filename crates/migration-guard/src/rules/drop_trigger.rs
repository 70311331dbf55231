//! DROP TRIGGER.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-trigger",
    severity: Severity::Warning,
    why: "readers and writers wait for a moment, and what the trigger kept is no longer kept",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Trigger
        && let Some(table) = &it.on
        && !cx.is_new(table)
    {
        hits.add(format!("{table} loses a trigger"))
            .on(table)
            .help("with a lock_timeout");
    }
}
