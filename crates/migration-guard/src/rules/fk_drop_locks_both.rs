//! Dropping a foreign key locks both tables.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "fk-drop-locks-both",
    severity: Severity::Warning,
    why: "readers and writers of both tables wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropConstraint { name, .. } = action {
            let known = cx.state.table(table).and_then(|t| t.constraints.get(name));
            let foreign = match known {
                Some(known) => matches!(known.kind, ConstraintKind::ForeignKey(_)),
                None => name.contains("fk"),
            };
            if foreign {
                hits.add(format!(
                    "dropping {name} locks {table} and the table it references"
                ))
                .on(table)
                .help("one at a time, with a lock_timeout and retries");
            }
        }
    }
}
