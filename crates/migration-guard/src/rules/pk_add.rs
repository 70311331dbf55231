//! ADD PRIMARY KEY that builds its index.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "pk-add",
    severity: Severity::Error,
    why: "readers and writers wait while the index is built and nulls are searched",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, _, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::PrimaryKey {
            using_index: None, ..
        } = &constraint.kind
        {
            hits.add(format!(
                "the primary key of {table} is built under an exclusive lock"
            ))
            .on(table)
            .help(
                "CREATE UNIQUE INDEX CONCURRENTLY i ON …;\n\
                     then ALTER TABLE … ADD PRIMARY KEY USING INDEX i",
            );
        }
    }
}
