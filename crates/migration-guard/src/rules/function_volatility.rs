//! CREATE OR REPLACE FUNCTION.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "function-volatility",
    severity: Severity::Info,
    why: "the running release calls the new body at once, and indexes over it are not rebuilt",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateFunction(it) = cx.kind
        && it.or_replace
    {
        hits.add(format!(
            "function {} may be replaced while old code calls it",
            it.name
        ))
        .help("a new name for a new meaning");
    }
}
