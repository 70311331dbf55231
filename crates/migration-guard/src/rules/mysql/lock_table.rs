//! LOCK TABLES.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "lock-table",
    severity: Severity::Warning,
    why: "everybody else waits until UNLOCK TABLES, and the session can use no other table meanwhile",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::LockTable { tables, mode } = cx.kind {
        for table in tables.iter().filter(|t| !cx.is_new(t)) {
            hits.add(format!("{} is locked for {mode}", quoted(table)))
                .on(table)
                .help("a transaction with SELECT … FOR UPDATE of the rows that matter");
        }
    }
}
