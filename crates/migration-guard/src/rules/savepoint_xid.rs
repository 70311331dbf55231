//! More savepoints than a session keeps in memory.

use crate::lint::{Hits, Severity, UnitContext};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "savepoint-xid",
    severity: Severity::Warning,
    why: "beyond 64 subtransactions every other session looks them up on disk",
    check: Check::Unit(check),
};

/// PGPROC_MAX_CACHED_SUBXIDS.
const CACHED: usize = 64;

fn check(cx: &UnitContext<'_>, hits: &mut Hits) {
    let mut count = 0;
    for (at, statement) in cx.unit.script.statements().iter().enumerate() {
        match statement.kind {
            Kind::Savepoint => count += 1,
            Kind::Commit | Kind::Rollback => count = 0,
            _ => {}
        }
        if count == CACHED + 1 {
            hits.add(format!("{count} savepoints are set in one transaction"))
                .at(at)
                .help("fewer and larger steps");
            return;
        }
    }
}
