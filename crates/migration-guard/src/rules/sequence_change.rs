//! ALTER SEQUENCE of values or type.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, SequenceChange};

pub(super) const RULE: Rule = Rule {
    id: "sequence-change",
    severity: Severity::Warning,
    why: "the next value may be one that is already used",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::AlterSequence { name, change } = cx.kind
        && *change != SequenceChange::Other
    {
        hits.add(format!("sequence {name} continues elsewhere"));
    }
}
