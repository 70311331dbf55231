//! Some names have a schema and others have none.

use std::collections::BTreeSet;

use crate::lint::{Hits, Severity, UnitContext};
use crate::rules::{Check, Rule};
use crate::sql::Name;
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "schema-unqualified",
    severity: Severity::Info,
    why: "which object is meant depends on the search_path of whoever runs the file",
    check: Check::Unit(check),
};

fn check(cx: &UnitContext<'_>, hits: &mut Hits) {
    // Without a dot nothing has a schema.
    if !cx.unit.script.text().contains('.') {
        return;
    }
    let statements = cx.unit.script.statements();
    let set = |kind: &Kind| matches!(kind, Kind::Set { name, .. } if name == "search_path");
    if statements.iter().any(|s| set(&s.kind)) {
        return;
    }
    let qualified = |kind: &Kind| {
        let names = names(kind).into_iter();
        names
            .filter_map(|n| n.schema.as_deref())
            .any(|s| !s.starts_with("pg_") && s != "information_schema")
    };
    // A file without any schema counts on the search_path, and says so by being consistent.
    if !statements.iter().any(|s| qualified(&s.kind)) {
        return;
    }
    let temporary: BTreeSet<&str> = statements
        .iter()
        .filter_map(|s| match &s.kind {
            Kind::CreateTable(it) if it.temporary => Some(it.table.name.as_str()),
            Kind::CreateTableAs {
                table,
                temporary: true,
                ..
            } => Some(table.name.as_str()),
            _ => None,
        })
        .collect();
    let bare = statements.iter().enumerate().find_map(|(at, s)| {
        let names = names(&s.kind).into_iter();
        let mut bare = names.filter(|n| n.schema.is_none() && !n.name.is_empty());
        bare.find(|n| !temporary.contains(n.name.as_str()))
            .map(|n| (at, n))
    });
    if let Some((at, name)) = bare {
        hits.add(format!(
            "{name} has no schema while other names here have one"
        ))
        .at(at)
        .help("a schema everywhere, or nowhere");
    }
}

/// What a statement is about; what it only reads is left out.
fn names(kind: &Kind) -> Vec<&Name> {
    match kind {
        Kind::CreateTable(it) => vec![&it.table],
        Kind::CreateTableAs { table, .. }
        | Kind::CreateTrigger { table, .. }
        | Kind::Insert { table, .. }
        | Kind::Update { table, .. }
        | Kind::Delete { table, .. }
        | Kind::Merge { table } => vec![table],
        Kind::AlterTable(it) => vec![&it.table],
        Kind::CreateIndex(it) => vec![&it.table],
        Kind::CreateView { name, .. }
        | Kind::CreateMaterializedView { name, .. }
        | Kind::CreateSequence { name, .. }
        | Kind::CreateType { name, .. } => vec![name],
        Kind::CreateFunction(it) => vec![&it.name],
        Kind::Truncate { tables, .. } => tables.iter().collect(),
        // The name of a trigger or a policy has no schema; its table has.
        Kind::Drop(it) if it.on.is_some() => it.on.iter().collect(),
        Kind::Drop(it) if has_schema(it.object) => it.names.iter().collect(),
        _ => Vec::new(),
    }
}

fn has_schema(object: crate::sql::model::Object) -> bool {
    use crate::sql::model::Object as O;
    matches!(
        object,
        O::Table | O::Index | O::View | O::MaterializedView | O::Sequence | O::Type | O::Function
    )
}
