//! CREATE INDEX CONCURRENTLY IF NOT EXISTS.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Name};

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
        let index = Name::bare(name);
        let dropped = cx.said_before(&index, &Topic::DropsIndex, cx.here());
        let dropped = dropped.is_some();
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
