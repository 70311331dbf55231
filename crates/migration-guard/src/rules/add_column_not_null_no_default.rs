//! ADD COLUMN … NOT NULL without a DEFAULT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "add-column-not-null-no-default",
    severity: Severity::Error,
    why: "it fails on any table with rows, and the old release cannot insert any more",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column) in walk::added_columns(cx) {
        let generated = column.has(|k| {
            matches!(
                k,
                ConstraintKind::Identity | ConstraintKind::Stored | ConstraintKind::Virtual
            )
        });
        let serial = column.ty.name.ends_with("serial");
        let null = column
            .default()
            .is_some_and(|d| d.text.eq_ignore_ascii_case("null"));
        if column.not_null() && (column.default().is_none() || null) && !generated && !serial {
            hits.add(format!(
                "{} of {table} is required and has no default",
                column.name
            ))
            .on(table)
            .help("a constant DEFAULT; or nullable first, fill in batches, then NOT NULL");
        }
    }
}
