//! Triggers are switched off.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "disable-trigger",
    severity: Severity::Error,
    why: "foreign keys, audit and replication are skipped, and nothing checks afterwards",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::Triggers { enable } = action {
            let hit = hits.add(format!("triggers of {table} are switched"));
            hit.on(table).help("write in a way that the triggers allow");
            if *enable {
                hit.severity(Severity::Info);
            }
        }
    }
    if let Kind::Set { name, value, .. } = cx.kind
        && name == "session_replication_role"
        && value.contains("replica")
    {
        hits.add("all triggers and foreign keys are off in this session");
    }
}
