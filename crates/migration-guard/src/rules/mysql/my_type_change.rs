//! MODIFY or CHANGE to another type.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::redefine::{only_appended, type_change};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;
use crate::sql::mysql::types::Change;

pub(super) const RULE: Rule = Rule {
    id: "my-type-change",
    severity: Severity::Error,
    why: "the table is copied while writers wait; a longer VARCHAR is free only while its length fits the same length byte (255)",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let table = cx.schema.table(&it.table);
    let name = quoted(&it.table);
    for action in &it.actions {
        let TableAction::RedefineColumn { from, column } = action else {
            continue;
        };
        let help =
            "with gh-ost or pt-online-schema-change, or a new column that is filled in batches";
        match table.and_then(|t| t.column(from)) {
            Some(old) if only_appended(old, column).is_none() => {
                match type_change(old, column, table) {
                    Change::LengthByte => hits.add(format!(
                        "{from} of {name} becomes {} and needs a second length byte",
                        column.ty
                    )),
                    Change::Other { .. } => hits.add(format!(
                        "{from} of {name} changes from {} to {}",
                        old.ty, column.ty
                    )),
                    Change::None | Change::Wider => continue,
                }
                .on(&it.table)
                .help(help);
            }
            Some(_) => {}
            None => {
                hits.add(format!(
                    "{} of {name} becomes {}, and what it was is not known",
                    column.name, column.ty
                ))
                .on(&it.table)
                .severity(Severity::Warning)
                .help(help);
            }
        }
    }
}
