//! CREATE OR REPLACE VIEW, or a change of a view.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

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
}
