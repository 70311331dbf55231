//! FIRST and AFTER.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::model::ConstraintKind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-add-column-position",
    severity: Severity::Warning,
    why: "MySQL writes every row anew to move a column, and before 8.0.29 also to add one between others",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for Defined {
        table, column, how, ..
    } in walk::columns(cx)
    {
        let placed = column.has(|k| matches!(k, ConstraintKind::Position(_)));
        let server = &cx.options.mysql_server;
        let hit = match how {
            How::Added if placed && !server.mysql_has((8, 0, 29)) => hits.add(format!(
                "{} is not the last column of {}",
                column.name,
                quoted(table)
            )),
            How::Redefined if placed && server.may_be_mysql() => {
                hits.add(format!("{} moves within {}", column.name, quoted(table)))
            }
            _ => continue,
        };
        hit.on(table)
            .help("at the end: the order of columns is for the query to say");
        if cx.is_new(table) {
            hit.severity(Severity::Info);
        }
    }
}
