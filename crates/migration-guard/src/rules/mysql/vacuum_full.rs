//! OPTIMIZE TABLE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "vacuum-full",
    severity: Severity::Warning,
    why: "every row is written anew, which takes as much disk again and holds replicas up for as long",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::OptimizeTable { tables } = cx.kind {
        for table in tables.iter().filter(|t| !cx.is_new(t)) {
            hits.add(format!("{} is built anew", quoted(table)))
                .on(table)
                .help(
                    "not in a migration: at a quiet time, with gh-ost or pt-online-schema-change",
                );
        }
    }
}
