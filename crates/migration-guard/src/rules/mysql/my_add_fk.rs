//! ADD FOREIGN KEY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-add-fk",
    severity: Severity::Error,
    why: "the table is copied while writers wait, unless foreign_key_checks is off, and then nobody checks the rows that are there",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::AddConstraint(constraint) = action
            && let ConstraintKind::ForeignKey(key) = &constraint.kind
        {
            let table = quoted(&it.table);
            let columns = key.columns.join(", ");
            let parent = quoted(&key.table);
            let hit = hits.add(format!("{columns} of {table} has to be in {parent}"));
            hit.on(&it.table);
            if cx.schema.foreign_keys_unchecked {
                hit.severity(Severity::Warning)
                    .help(format!(
                        "SELECT c.* FROM {table} c LEFT JOIN {parent} p ON … WHERE p.… IS NULL, before and after"
                    ));
            } else {
                hit.help(format!(
                    "SET SESSION foreign_key_checks = 0;\nALTER TABLE {table} ADD FOREIGN KEY ({columns}) REFERENCES {parent} (…), ALGORITHM=INPLACE, LOCK=NONE;\nSET SESSION foreign_key_checks = 1;"
                ));
            }
        }
    }
}
