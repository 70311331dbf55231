//! A new enum value is used in the transaction that adds it.

use std::collections::BTreeSet;

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterType, Kind};

pub(super) const RULE: Rule = Rule {
    id: "enum-add-value-tx",
    severity: Severity::Error,
    why: "the server refuses to use it before the commit",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let text = cx.statement.text();
    let fresh = &cx.state.fresh_values;
    let named: BTreeSet<&str> = match fresh.is_empty() {
        true => BTreeSet::new(),
        // What stands between two quotes may be a literal; one with a quote in it is in pieces.
        false => text.split('\'').skip(1).collect(),
    };
    let quoted = cx.state.fresh_quoted.iter();
    let quoted = quoted.filter(|v| text.contains(&format!("'{v}'")));
    for value in named.into_iter().filter_map(|v| fresh.get(v)).chain(quoted) {
        if let Some(shared) = cx.shares_transaction() {
            hits.add(format!(
                "'{value}' cannot be used before the transaction that adds it has ended{}",
                shared.words
            ))
            .severity(shared.at_most(Severity::Error))
            .help("add it in a migration of its own");
        }
    }
    if cx.options.postgres_version < 12
        && cx.state.in_transaction
        && matches!(
            cx.kind,
            Kind::AlterType {
                action: AlterType::AddValue { .. },
                ..
            }
        )
    {
        hits.add("before version 12 a value cannot be added inside a transaction")
            .help("a file of its own whose first line is `-- no-transaction`");
    }
}
