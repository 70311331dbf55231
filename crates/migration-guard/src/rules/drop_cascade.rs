//! DROP … CASCADE.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, Name, TableAction};

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
            "everything that depends on {} is dropped too{}",
            names.join(", "),
            known(cx, &it.names)
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

/// What a snapshot shows of it.
fn known(cx: &Context<'_>, names: &[Name]) -> String {
    let mut found = Vec::new();
    for table in names {
        let views = cx.state.views_of(table, None);
        found.extend(views.into_iter().map(|view| format!("view {view}")));
        let keys = cx.state.keys_to(table, None);
        found.extend(
            keys.into_iter()
                .map(|(other, name)| format!("{name} of {other}")),
        );
    }
    if found.is_empty() {
        String::new()
    } else {
        format!(": {}", found.join(", "))
    }
}
