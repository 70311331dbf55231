//! CREATE INDEX CONCURRENTLY IF NOT EXISTS.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "invalid-index-retry",
    severity: Severity::Warning,
    why: "a failed build leaves an invalid index behind, and the second try then does nothing and reports success",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && it.concurrently
        && it.if_not_exists
        && let Some(name) = &it.name
    {
        let before = cx
            .unit
            .script
            .statements()
            .get(..cx.index)
            .unwrap_or_default();
        let dropped = before.iter().any(|s| {
            matches!(&s.kind, Kind::Drop(d) if d.object == Object::Index
                && d.names.iter().any(|n| &n.name == name))
        });
        let broken = cx.state.indexes.get(name).is_some_and(|i| !i.valid);
        if broken && !dropped {
            hits.add(format!(
                "{name} is there and invalid, and IF NOT EXISTS leaves it so"
            ))
            .on(&it.table)
            .severity(Severity::Error)
            .help(format!("first: DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        } else if !dropped {
            hits.add(format!(
                "IF NOT EXISTS accepts an invalid {name} that an earlier try left"
            ))
            .on(&it.table)
            .help(format!("first: DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        }
    }
}
