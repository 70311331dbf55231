//! ALTER COLUMN … COLLATE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "collation-change",
    severity: Severity::Warning,
    why: "the indexes on the column are built anew under the exclusive lock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetType {
            column,
            collate: true,
            ..
        } = action
        {
            hits.add(format!("{column} of {table} sorts differently from now on"))
                .on(table)
                .help("a new index with the collation, built CONCURRENTLY");
        }
    }
}
