//! DROP OWNED.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-owned",
    severity: Severity::Blocker,
    why: "all that the role owns goes, tables with their rows included",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Owned
        && let Some(role) = it.names.first()
    {
        hits.add(format!("everything that {role} owns is dropped"))
            .loses(LossKind::Unknown, role, None);
    }
}
