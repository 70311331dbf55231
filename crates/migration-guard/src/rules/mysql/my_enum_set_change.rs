//! ENUM and SET: anything but new members at the end.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::redefine::only_appended;
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-enum-set-change",
    severity: Severity::Error,
    why: "rows hold the number of the member: the table is copied while writers wait, and values without a member are lost",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::RedefineColumn { from, column } = action
            && let Some(old) = cx.schema.column(&it.table, from)
            && only_appended(old, column) == Some(false)
        {
            hits.add(format!(
                "the members of {from} of {} change place or size",
                quoted(&it.table)
            ))
            .on(&it.table)
            .help("new members at the end, and no more than fit the bytes: 255 of an ENUM, 8, 16, 24, 32 of a SET");
        }
    }
}
