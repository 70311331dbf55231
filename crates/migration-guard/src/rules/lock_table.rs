//! LOCK TABLE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "lock-table",
    severity: Severity::Warning,
    why: "whoever needs a conflicting lock waits until the transaction ends",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::LockTable { tables, mode } = cx.kind {
        for table in tables.iter().filter(|t| !cx.is_new(t)) {
            hits.add(format!(
                "{table} is locked in {} mode",
                mode.to_ascii_uppercase()
            ))
            .on(table)
            .help("with a lock_timeout, and as late as possible");
        }
    }
}
