//! DDL on a table in use without a lock_wait_timeout.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::schema::locked;
use crate::rules::{Check, Rule};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-mdl-wait",
    severity: Severity::Warning,
    why: "it waits for every open transaction on the table, a day in MariaDB and a year in MySQL, and every later query waits behind it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    // Once a file is enough: the setting holds for the session.
    if cx.schema.waits_briefly || cx.schema.waited {
        return;
    }
    if let Some(table) = locked(cx.kind).filter(|t| !cx.is_new(t)) {
        hits.add(format!(
            "{} is changed without a lock_wait_timeout",
            quoted(table)
        ))
        .on(table)
        .help("SET SESSION lock_wait_timeout = 5");
    }
}
