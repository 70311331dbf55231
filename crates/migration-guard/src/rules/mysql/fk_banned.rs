//! FOREIGN KEY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::ConstraintKind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "fk-banned",
    severity: Severity::Info,
    why: "gh-ost refuses such tables, and every write to one locks the row that it refers to",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, constraint) in walk::constraints(cx) {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind {
            hits.add(format!(
                "{} refers to {}, and can no longer be changed by gh-ost",
                quoted(table),
                quoted(&key.table)
            ))
            .on(table)
            .help(
                "an index on the columns, and the rule in the application, where tables grow large",
            );
        }
    }
}
