//! A lock_timeout that does not do what it seems to.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "lock-timeout-ineffective",
    severity: Severity::Warning,
    why: "the file looks safe and is not",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::Set {
            name, local: true, ..
        } if name == "lock_timeout" && !cx.state.in_transaction => {
            hits.add("SET LOCAL outside a transaction does nothing")
                .help("SET lock_timeout = '5s'");
        }
        Kind::Set { name, value, .. }
            if name == "lock_timeout" && value.trim_matches('\'') == "0" =>
        {
            hits.add("a lock_timeout of 0 waits for ever")
                .help("SET lock_timeout = '5s'");
        }
        _ => {}
    }
}
