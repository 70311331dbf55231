//! ADD CHECK.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-add-check",
    severity: Severity::Error,
    why: "the table is copied while writers wait, and one row that breaks the rule stops it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        let name = match action {
            TableAction::AddConstraint(c)
                if matches!(c.kind, ConstraintKind::Check(_)) && !c.not_enforced =>
            {
                c.name.as_deref().unwrap_or("a CHECK")
            }
            TableAction::AlterConstraint => "a CHECK",
            _ => continue,
        };
        hits.add(format!(
            "{name} is checked against every row of {}",
            quoted(&it.table)
        ))
        .on(&it.table)
        .help("check in the application first; then with gh-ost or pt-online-schema-change");
    }
}
