//! DROP SCHEMA.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-schema",
    severity: Severity::Blocker,
    why: "all that is in the schema goes with it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Schema
    {
        for name in &it.names {
            hits.add(format!("schema {name} is dropped"))
                .loses(LossKind::Schema, name, None)
                .help("drop what is in it by name, with a backup");
        }
    }
}
