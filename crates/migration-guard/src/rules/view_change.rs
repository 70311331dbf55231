//! CREATE OR REPLACE VIEW, or a change of a view.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, Object, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "view-change",
    severity: Severity::Warning,
    why: "whoever reads the view sees other columns or rows",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::CreateView {
            name,
            or_replace: true,
        } => {
            hits.add(format!(
                "view {name} may be replaced while old code reads it"
            ));
        }
        Kind::AlterTable(it) if matches!(it.object, Object::View | Object::MaterializedView) => {
            hits.add(format!("view {} changes while old code reads it", it.table))
                .on(&it.table);
        }
        _ => {}
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::RenameColumn { from, to } = action
            && !cx.state.column(table, from).is_some_and(|c| c.new)
        {
            hits.add(format!(
                "views over {table} still call the column {from}, and functions that spell {from} fail"
            ))
            .on(table)
            .severity(Severity::Info)
            .help(format!("replace them, or name the column as before: SELECT {to} AS {from}"));
        }
    }
}
