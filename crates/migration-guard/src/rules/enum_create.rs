//! CREATE TYPE … AS ENUM.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "enum-create",
    severity: Severity::Info,
    why: "values can be added and never taken away",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateType {
        name,
        values: Some(_),
    } = cx.kind
    {
        hits.add(format!("{name} is an enum"))
            .help("a lookup table and a foreign key");
    }
}
