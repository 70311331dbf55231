//! AUTO_INCREMENT: on what, and from where.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::model::{Column, ConstraintKind};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-auto-increment",
    severity: Severity::Warning,
    why: "the counter is part of the table: adding it writes every row while writers wait, and its end is an outage",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for Defined {
        table, column, how, ..
    } in walk::columns(cx)
    {
        if !column.has(|k| matches!(k, ConstraintKind::AutoIncrement)) {
            continue;
        }
        let name = quoted(table);
        if !counts(column) {
            hits.add(format!(
                "{} of {name} is {} and cannot count, which the server refuses",
                column.name, column.ty
            ))
            .on(table)
            .severity(Severity::Error)
            .help("BIGINT UNSIGNED NOT NULL AUTO_INCREMENT");
        } else if how == How::Added && !cx.is_new(table) {
            hits.add(format!(
                "every row of {name} gets a number in {}",
                column.name
            ))
            .on(table)
            .severity(Severity::Error)
            .help("with gh-ost or pt-online-schema-change");
        } else if !column.ty.name.ends_with("unsigned") {
            hits.add(format!(
                "{} of {name} counts in a signed type, and the half below zero is never used",
                column.name
            ))
            .on(table)
            .severity(Severity::Info)
            .help("BIGINT UNSIGNED");
        }
    }
    if let Some(it) = walk::alter_in_use(cx)
        && let Some(value) = walk::setting(it, "auto_increment")
    {
        hits.add(format!(
            "{} goes on counting from {value}",
            quoted(&it.table)
        ))
        .on(&it.table)
        .severity(Severity::Info)
        .help("leave it to the server; a lower value than the highest is ignored");
    }
}

/// Whole numbers, and, as an old habit that is still taken, floating ones.
fn counts(column: &Column) -> bool {
    let name = column.ty.name.trim_end_matches(" unsigned");
    name.ends_with("int") || matches!(name, "float" | "double")
}
