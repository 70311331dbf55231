//! A name that the server refuses for its length.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "identifier-too-long",
    severity: Severity::Error,
    why: "the server refuses names of more than 64 characters",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let mut names: Vec<&str> = walk::columns(cx)
        .into_iter()
        .map(|d| d.column.name.as_str())
        .collect();
    names.extend(
        walk::constraints(cx)
            .into_iter()
            .filter_map(|(_, c)| c.name.as_deref()),
    );
    match cx.kind {
        Kind::CreateTable(it) => names.push(&it.table.name),
        Kind::CreateView { name, .. } => names.push(&name.name),
        Kind::AlterTable(it) => names.extend(it.actions.iter().filter_map(|a| match a {
            TableAction::RenameTable { to }
            | TableAction::RenameColumn { to, .. }
            | TableAction::RenameIndex { to, .. } => Some(to.as_str()),
            _ => None,
        })),
        _ => {}
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        let length = name.chars().count();
        if length > 64 {
            hits.add(format!("{name} is {length} characters long"))
                .help("shorten it");
        }
    }
}
