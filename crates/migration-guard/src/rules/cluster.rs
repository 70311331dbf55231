//! CLUSTER.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "cluster",
    severity: Severity::Error,
    why: "every row and every index is written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Cluster { table } = cx.kind {
        match table {
            Some(table) if cx.is_new(table) => {}
            Some(table) => {
                hits.add(format!("{table} is written anew in index order"))
                    .on(table)
                    .help("pg_repack");
            }
            None => {
                hits.add("every clustered table is written anew")
                    .help("pg_repack");
            }
        }
    }
}
