//! DROP DATABASE.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-database",
    severity: Severity::Blocker,
    why: "all that is in the database goes with it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Database
    {
        for name in &it.names {
            hits.add(format!("database {name} is dropped"))
                .loses(LossKind::Database, name, None)
                .help("not in a migration");
        }
    }
}
