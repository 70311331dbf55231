//! DROP … CASCADE.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "drop-cascade",
    severity: Severity::Blocker,
    why: "whatever depends on it goes too, and nothing in the file says what that is",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.cascade
    {
        let names: Vec<String> = it.names.iter().map(ToString::to_string).collect();
        let hit = hits.add(format!(
            "everything that depends on {} is dropped too",
            names.join(", ")
        ));
        hit.help("name what is to be dropped");
        if let Some(first) = it.names.first() {
            hit.loses(LossKind::Unknown, first, None);
        }
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropColumn {
            column: name,
            cascade: true,
            ..
        }
        | TableAction::DropConstraint {
            name,
            cascade: true,
            ..
        } = action
        {
            hits.add(format!(
                "everything that depends on {name} of {table} is dropped too"
            ))
            .on(table)
            .loses(LossKind::Unknown, table, None)
            .help("name what is to be dropped");
        }
    }
}
