//! A name of more than 63 bytes.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "identifier-too-long",
    severity: Severity::Warning,
    why: "the server cuts it without an error, and two long names become one",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let mut names: Vec<&str> = Vec::new();
    match cx.kind {
        Kind::CreateTable(it) => {
            names.push(&it.table.name);
            names.extend(it.columns.iter().map(|c| c.name.as_str()));
            let inline = it.columns.iter().flat_map(|c| &c.constraints);
            names.extend(
                inline
                    .chain(&it.constraints)
                    .filter_map(|c| c.name.as_deref()),
            );
        }
        Kind::CreateIndex(it) => names.extend(it.name.as_deref()),
        Kind::Drop(it) => names.extend(it.names.iter().map(|n| n.name.as_str())),
        Kind::AlterTable(it) => {
            for action in &it.actions {
                match action {
                    TableAction::AddColumn { column, .. } => {
                        names.push(&column.name);
                        names.extend(column.constraints.iter().filter_map(|c| c.name.as_deref()));
                    }
                    TableAction::AddConstraint(c) => names.extend(c.name.as_deref()),
                    TableAction::RenameTable { to } | TableAction::RenameColumn { to, .. } => {
                        names.push(to)
                    }
                    _ => {}
                }
            }
        }
        Kind::CreateView { name, .. }
        | Kind::CreateMaterializedView { name, .. }
        | Kind::CreateSequence { name, .. } => {
            names.push(&name.name);
        }
        Kind::CreateFunction(it) => names.push(&it.name.name),
        _ => {}
    }
    for name in names.into_iter().filter(|n| n.len() > 63) {
        hits.add(format!("{name} is {} bytes long", name.len()))
            .help("shorten it");
    }
}
