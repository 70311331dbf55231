//! CREATE TABLE AS or SELECT INTO.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "ctas",
    severity: Severity::Warning,
    why: "a long query inside a migration holds its snapshot and its locks, and constraints are not copied",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::CreateTableAs {
            table,
            temporary: false,
            with_data: true,
            ..
        } => {
            hits.add(format!("{table} is filled by a query inside the migration"))
                .help("WITH NO DATA, then fill in batches");
        }
        Kind::Select {
            into: Some(table), ..
        } if !table.is_temporary() => {
            hits.add(format!("{table} is filled by a query inside the migration"))
                .help("CREATE TABLE … AS … WITH NO DATA, then fill in batches");
        }
        _ => {}
    }
}
