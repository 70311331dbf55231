//! ADD COLUMN … DEFAULT before PostgreSQL 11.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "add-column-default-pre11",
    severity: Severity::Error,
    why: "before version 11 every row is written anew under the exclusive lock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if cx.options.postgres_version < 11 {
        for (table, column) in walk::added_columns(cx) {
            if column
                .default()
                .is_some_and(|d| !d.text.eq_ignore_ascii_case("null"))
            {
                hits.add(format!(
                    "{} of {table} is written into every row",
                    column.name
                ))
                .on(table)
                .help("ADD COLUMN, ALTER COLUMN SET DEFAULT, then fill in batches");
            }
        }
    }
}
