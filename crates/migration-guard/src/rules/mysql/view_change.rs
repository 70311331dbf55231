//! CREATE OR REPLACE VIEW, ALTER VIEW.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "view-change",
    severity: Severity::Warning,
    why: "whoever reads the view sees other columns or rows",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let view = match cx.kind {
        Kind::CreateView {
            name,
            or_replace: true,
        } => name,
        Kind::AlterTable(it) if it.object == Object::View => &it.table,
        _ => return,
    };
    hits.add(format!(
        "view {} may be replaced while old code reads it",
        quoted(view)
    ))
    .on(view)
    .help("a view with another name");
}
