//! TRUNCATE … CASCADE.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "truncate-cascade",
    severity: Severity::Blocker,
    why: "every table that references it is emptied, and nothing in the file says which",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Truncate {
        tables,
        cascade: true,
    } = cx.kind
    {
        for table in tables {
            hits.add(format!(
                "every table that references {table} is emptied too"
            ))
            .on(table)
            .loses(LossKind::Unknown, table, None)
            .help("name the tables");
        }
    }
}
