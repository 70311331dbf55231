//! A publication or subscription changes.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "publication-ddl",
    severity: Severity::Info,
    why: "consumers receive other tables or columns",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if *cx.kind == Kind::CreatePublication {
        hits.add("what is replicated logically changes");
    }
}
