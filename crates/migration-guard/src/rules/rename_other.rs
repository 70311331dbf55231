//! RENAME of a view, function, sequence or type.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{AlterIndex, AlterType, Kind, Object, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "rename-other",
    severity: Severity::Warning,
    why: "the running release asks for the old name",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Rename { object, from, to } = cx.kind
        && !matches!(
            object,
            Object::Schema | Object::Trigger | Object::Policy | Object::Rule
        )
    {
        let what = object.sql().to_ascii_lowercase();
        hits.add(format!("{what} {from} becomes {to} while old code runs"));
    }
    if let Kind::AlterType {
        name,
        action: AlterType::ChangeAttribute,
    } = cx.kind
    {
        hits.add(format!(
            "an attribute of type {name} changes while old code runs"
        ));
    }
    if let Kind::AlterIndex {
        index,
        action: AlterIndex::Rename { to },
    } = cx.kind
    {
        hits.add(format!("index {index} becomes {to}"))
            .severity(Severity::Info);
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::RenameConstraint { from, to } = action {
            hits.add(format!("constraint {from} of {table} becomes {to}"))
                .on(table)
                .severity(Severity::Info);
        }
    }
}
