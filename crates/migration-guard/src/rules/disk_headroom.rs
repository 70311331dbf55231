//! A statement that writes a second copy of a table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "disk-headroom",
    severity: Severity::Info,
    why: "until it commits, the old files stay beside the new ones, and the log grows by as much again",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    // TRUNCATE makes new files, too, and leaves them empty.
    if matches!(cx.kind, Kind::Truncate { .. }) {
        return;
    }
    for table in cx.effects.rewrites.iter().filter(|t| !cx.is_new(t)) {
        hits.add(format!("{table} needs its size once more on the disk"))
            .on(table)
            .help(format!(
                "before: SELECT pg_size_pretty(pg_total_relation_size('{table}'))"
            ));
    }
}
