//! DROP TRIGGER.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "drop-trigger",
    severity: Severity::Warning,
    why: "what the trigger kept is no longer kept",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Trigger
    {
        for name in &it.names {
            hits.add(format!("trigger {} is dropped", quoted(name)))
                .help("keep its text in the down file");
        }
    }
}
