//! DDL on a table that an extension has cut into pieces.

use crate::lint::{Context, Hits, LockMode, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "timescale-citus",
    severity: Severity::Warning,
    why: "it is done on every chunk or shard, and some of it is refused",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let managed = |table: &crate::sql::Name| cx.state.managed.get(&table.key());
    match cx.kind {
        Kind::Delete { table, .. }
            if managed(table).is_some_and(|by| by.contains("hypertable")) =>
        {
            hits.add(format!("rows of hypertable {table} are deleted one by one"))
                .on(table)
                .help(format!("SELECT drop_chunks('{table}', older_than => …)"));
        }
        Kind::CreateIndex(it) if it.concurrently && managed(&it.table).is_some() => {
            hits.add(format!("{} takes no CREATE INDEX CONCURRENTLY", it.table))
                .on(&it.table)
                .help("WITH (timescaledb.transaction_per_chunk)");
        }
        _ => {
            for (table, lock) in &cx.effects.locks {
                if *lock >= LockMode::Share
                    && let Some(by) = managed(table)
                {
                    hits.add(format!("{table} was handed to {by}: all its pieces change"))
                        .on(table)
                        .help("with a lock_timeout, when nothing else runs");
                }
            }
        }
    }
}
