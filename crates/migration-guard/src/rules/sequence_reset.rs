//! ALTER SEQUENCE of values or type.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, SequenceChange};

pub(super) const RULE: Rule = Rule {
    id: "sequence-reset",
    severity: Severity::Warning,
    why: "the next value may be one that is already used",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    numbers_by_hand(cx, hits);
    if let Kind::AlterSequence { name, change } = cx.kind
        && *change != SequenceChange::Other
    {
        hits.add(format!("sequence {name} continues elsewhere"));
    }
}

/// Rows that bring a number along which the sequence will hand out again.
fn numbers_by_hand(cx: &Context<'_>, hits: &mut Hits) {
    let Kind::Insert {
        table,
        explicit_columns,
        ..
    } = cx.kind
    else {
        return;
    };
    let serial = |column: &&String| {
        let known = cx.state.column(table, column);
        let ty = known.and_then(|c| c.ty.as_ref());
        ty.is_some_and(|ty| ty.name.ends_with("serial"))
    };
    let Some(column) = explicit_columns.iter().find(serial) else {
        return;
    };
    if !cx.rest_says_of_all(&Topic::SetsSequence) {
        hits.add(format!("the sequence of {column} of {table} does not know these numbers"))
            .on(table)
            .severity(Severity::Info)
            .help(format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}"
            ));
    }
}
