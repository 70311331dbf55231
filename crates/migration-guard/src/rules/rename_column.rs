//! RENAME COLUMN.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{AlterType, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "rename-column",
    severity: Severity::Error,
    why: "the running release asks for the old name and fails at once",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::AlterType {
        name,
        action: AlterType::RenameAttribute,
    } = cx.kind
    {
        hits.add(format!(
            "an attribute of type {name} has another name while old code runs"
        ))
        .help("ADD ATTRIBUTE under the new name, and drop the old one in a later release");
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::RenameColumn { from, to } = action
            && !cx.state.column(table, from).is_some_and(|c| c.new)
        {
            hits.add(format!(
                "{from} of {table} becomes {to} while old code runs"
            ))
            .on(table)
            .help(
                "a new column kept in step by a trigger, then drop the old one in a later release",
            );
        }
    }
}
