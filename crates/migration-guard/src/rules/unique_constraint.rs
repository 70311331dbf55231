//! ADD UNIQUE that builds its index.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "unique-constraint",
    severity: Severity::Error,
    why: "readers and writers wait while the index is built",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::Unique {
            columns,
            using_index: None,
        } = &constraint.kind
        {
            let what = column.map_or_else(|| columns.join(", "), |c| c.name.clone());
            hits.add(format!(
                "a unique index on {table} ({what}) is built under an exclusive lock"
            ))
            .on(table)
            .help(
                "CREATE UNIQUE INDEX CONCURRENTLY i ON …;\n\
                     then ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX i",
            );
        }
    }
}
