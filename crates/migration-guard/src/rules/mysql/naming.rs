//! Names as most projects spell them: `snake_case`; `idx_`, `uk_` and `fk_` with table and columns.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{Constraint, ConstraintKind, Kind, Name, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "naming",
    severity: Severity::Info,
    why: "table names differ in case on one system and not on the next, and an error that names an index should tell which columns",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let mut plain: Vec<&str> = walk::columns(cx)
        .into_iter()
        .map(|d| d.column.name.as_str())
        .collect();
    match cx.kind {
        Kind::CreateTable(it) => plain.push(&it.table.name),
        Kind::AlterTable(it) => {
            for action in &it.actions {
                match action {
                    TableAction::RenameTable { to } | TableAction::RenameColumn { to, .. } => {
                        plain.push(to.rsplit('.').next().unwrap_or(to));
                    }
                    TableAction::RenameIndex { to, .. } => renamed(&it.table, to, hits),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    plain.sort_unstable();
    plain.dedup();
    for name in plain.into_iter().filter(|n| !is_snake(n)) {
        hits.add(format!("{name} is not in snake_case"))
            .help(snake(name));
    }
    for (table, constraint) in walk::constraints(cx) {
        if let Some(name) = &constraint.name
            && let Some(expected) = expected(table, constraint)
            && !fits(name, &expected)
        {
            hits.add(format!("{name} does not tell what it is on"))
                .on(table)
                .help(expected);
        }
    }
}

/// The columns of an index that is renamed are not in the statement, only that there are some.
fn renamed(table: &Name, to: &str, hits: &mut Hits) {
    let said = ["idx", "uk"]
        .iter()
        .filter_map(|sort| to.strip_prefix(&format!("{sort}_{}_", table.name)))
        .any(|columns| !columns.is_empty());
    if !said {
        hits.add(format!("{to} does not tell what it is on"))
            .on(table)
            .help(format!("idx_{}_… with the columns", table.name));
    }
}

fn expected(table: &Name, constraint: &Constraint) -> Option<String> {
    let table = &table.name;
    let (sort, columns, of) = match &constraint.kind {
        // FULLTEXT and SPATIAL ones have no habit that most share.
        ConstraintKind::Index { columns, method }
            if !matches!(method.as_deref(), Some("fulltext" | "spatial" | "vector")) =>
        {
            ("idx", columns, None)
        }
        ConstraintKind::Unique { columns, .. } => ("uk", columns, None),
        ConstraintKind::ForeignKey(key) => ("fk", &key.columns, Some(key)),
        _ => return None,
    };
    // An expression has no name to build with.
    if columns.iter().any(|c| c.starts_with('(')) {
        return None;
    }
    let columns: Vec<&str> = columns
        .iter()
        .map(|c| c.split('(').next().unwrap_or(c))
        .collect();
    let mut name = format!("{sort}_{table}_{}", columns.join("_"));
    if let Some(key) = of {
        name.push_str(&format!("_{}_…", key.table.name));
    }
    // Longer ones have to be cut somehow, and how is up to the author.
    (name.len() <= 64).then_some(name)
}

/// `…` stands for what is not in the statement.
fn fits(name: &str, expected: &str) -> bool {
    match expected.strip_suffix('…') {
        Some(start) => name.len() > start.len() && name.starts_with(start),
        None => name == expected,
    }
}

fn is_snake(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'$')
        || !name.is_ascii()
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
            _ => '_',
        });
    }
    out
}
