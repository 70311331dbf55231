//! ADD FULLTEXT INDEX, ADD SPATIAL INDEX.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-fulltext-spatial",
    severity: Severity::Error,
    why: "writers wait until the index is built, and the first FULLTEXT one writes every row anew",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if walk::alter_in_use(cx).is_none() {
        return;
    }
    for (table, index) in walk::indexes(cx) {
        if let Some(method @ ("fulltext" | "spatial" | "vector")) = index.method.as_deref() {
            hits.add(format!("{} gets a {method} index", quoted(table)))
                .on(table)
                .help("with gh-ost or pt-online-schema-change");
        }
    }
}
