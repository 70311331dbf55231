//! ALTER TYPE … RENAME VALUE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterType, Kind};

pub(super) const RULE: Rule = Rule {
    id: "enum-rename-value",
    severity: Severity::Error,
    why: "the running release sends and expects the old value",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::AlterType {
        name,
        action: AlterType::RenameValue,
    } = cx.kind
    {
        hits.add(format!("a value of {name} is renamed while old code runs"))
            .help("add a new value and move the rows");
    }
}
