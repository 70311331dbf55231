//! SECURITY DEFINER without a search_path.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "security-definer-path",
    severity: Severity::Error,
    why: "a caller can put own functions in front of those that the function means",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateFunction(it) = cx.kind
        && it.security_definer
        && !it.sets_search_path
    {
        hits.add(format!(
            "{} runs with its owner's rights and the caller's search_path",
            it.name
        ))
        .help("SET search_path = pg_catalog, pg_temp");
    }
}
