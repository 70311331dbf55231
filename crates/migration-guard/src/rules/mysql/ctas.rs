//! CREATE TABLE … SELECT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "ctas",
    severity: Severity::Warning,
    why: "the rows that it reads are locked until it ends, and keys, indexes and AUTO_INCREMENT are not copied",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTableAs {
        table,
        temporary: false,
        ..
    } = cx.kind
    {
        let table = quoted(table);
        hits.add(format!("{table} is filled by a query inside the migration"))
            .help(format!(
                "CREATE TABLE {table} LIKE …; then INSERT … SELECT in batches"
            ));
    }
}
