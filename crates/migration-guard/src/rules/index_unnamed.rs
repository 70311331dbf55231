//! CREATE INDEX without a name.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-unnamed",
    severity: Severity::Info,
    why: "a later migration cannot drop or rename what it cannot name",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && it.name.is_none()
    {
        hits.add(format!("an index on {} has no name of its own", it.table))
            .on(&it.table)
            .help("name it");
    }
}
