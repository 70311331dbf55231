//! DROP INDEX of an index that a constraint lives on.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-constraint-backing-index",
    severity: Severity::Error,
    why: "the server refuses it, and the migration stops",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Index
    {
        for index in &it.names {
            let owner = cx.state.constrained_by(&index.name).find(|(_, c)| {
                matches!(
                    c.kind,
                    ConstraintKind::PrimaryKey { .. }
                        | ConstraintKind::Unique { .. }
                        | ConstraintKind::Exclude
                )
            });
            if let Some((table, _)) = owner {
                hits.add(format!("constraint {index} of {table} requires its index"))
                    .help(format!("ALTER TABLE {table} DROP CONSTRAINT {index}"));
            }
        }
    }
}
