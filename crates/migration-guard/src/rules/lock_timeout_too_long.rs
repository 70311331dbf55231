//! A lock_timeout over ten seconds.

use crate::lint::{Context, Hits, Severity};
use crate::lint::{Timeout, parse_timeout};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "lock-timeout-too-long",
    severity: Severity::Info,
    why: "every query on the table waits as long as this one does",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Set { name, value, .. } = cx.kind
        && name == "lock_timeout"
        && let Timeout::Set(ms) = parse_timeout(value)
        && ms > 10_000
    {
        hits.add(format!("{} s is a long time for others to wait", ms / 1000))
            .help("1 to 5 s, and try again");
    }
}
