//! VACUUM FULL.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "vacuum-full",
    severity: Severity::Error,
    why: "every row is written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Vacuum { full: true, tables } = cx.kind {
        let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
        let what = if names.is_empty() {
            "every table".to_owned()
        } else {
            names.join(", ")
        };
        let hit = hits.add(format!("{what} is written anew"));
        hit.help("plain VACUUM, or pg_repack");
        if let Some(table) = tables.first() {
            hit.on(table);
        }
    }
}
