//! A lock_timeout over ten seconds.

use crate::lint::Timeout;
use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "lock-timeout-too-long",
    severity: Severity::Info,
    why: "every query on the table waits as long as this one does",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Set { name, .. } = cx.kind
        && name == "lock_timeout"
    {
        let mut after = cx.state.clone();
        after.apply(cx.kind, cx.effects, cx.index);
        if let Timeout::Set(ms) = after.lock_timeout
            && ms > 10_000
        {
            hits.add(format!("{} s is a long time for others to wait", ms / 1000))
                .help("1 to 5 s, and try again");
        }
    }
}
