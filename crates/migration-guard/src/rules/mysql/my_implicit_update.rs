//! ADD COLUMN … NOT NULL without a DEFAULT: the rows that are there get a value all the same.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::add_column_not_null_no_default::required;
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-implicit-update",
    severity: Severity::Warning,
    why: "every row that is there gets 0, '' or the zero date, which nobody decided",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for Defined {
        table, column, how, ..
    } in walk::columns(cx)
    {
        if how == How::Added && required(column) && !cx.is_new(table) {
            hits.add(format!(
                "the rows of {} get an implicit value in {}",
                quoted(table),
                column.name
            ))
            .on(table)
            .help("a DEFAULT that is meant");
        }
    }
}
