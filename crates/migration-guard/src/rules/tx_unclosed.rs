//! BEGIN without COMMIT.

use crate::lint::{Hits, Severity, UnitContext};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "tx-unclosed",
    severity: Severity::Error,
    why: "everything since BEGIN is rolled back without a word when the session ends",
    check: Check::Unit(check),
};

fn check(cx: &UnitContext<'_>, hits: &mut Hits) {
    if let Some(at) = cx.state.opened {
        hits.add("this transaction is never ended")
            .at(at)
            .help("COMMIT");
    }
}
