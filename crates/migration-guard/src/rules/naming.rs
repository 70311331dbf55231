//! A name that needs quotes, or that does not say what it is the name of.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::Name;
use crate::sql::model::{AlterIndex, Constraint, ConstraintKind, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "naming",
    severity: Severity::Info,
    why: "whoever meets the name in an error message or a plan has to look up what it is",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::CreateTable(it) if !it.temporary => {
            plain(&it.table.name, hits);
            it.columns.iter().for_each(|c| plain(&c.name, hits));
        }
        Kind::CreateIndex(it) => {
            if let Some(name) = &it.name {
                of_table(name, &it.table, hits);
                of_columns(name, &it.table, &it.columns, hits);
            }
        }
        Kind::AlterIndex {
            action: AlterIndex::Rename { to },
            ..
        } if !has_marker(to) => says_nothing(to, "an index", hits),
        Kind::AlterTable(it) => {
            for action in &it.actions {
                match action {
                    TableAction::AddColumn { column, .. } => plain(&column.name, hits),
                    TableAction::RenameTable { to } | TableAction::RenameColumn { to, .. } => {
                        plain(to, hits);
                    }
                    TableAction::RenameConstraint { to, .. } => {
                        of_columns(to, &it.table, &[], hits);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    for (table, constraint) in walk::constraints(cx) {
        if let Some(name) = &constraint.name
            && has_index_or_partner(constraint)
        {
            of_table(name, table, hits);
            // Written at its column it has no columns here, and may be called like that one.
            match &constraint.kind {
                ConstraintKind::Unique {
                    columns,
                    using_index,
                } if using_index.is_some() || !columns.is_empty() => {
                    of_columns(name, table, columns, hits);
                }
                ConstraintKind::ForeignKey(key) if !key.columns.is_empty() => {
                    of_columns(name, table, &key.columns, hits);
                }
                _ => {}
            }
        }
    }
}

/// A CHECK is best named by what it says.
fn has_index_or_partner(constraint: &Constraint) -> bool {
    matches!(
        constraint.kind,
        ConstraintKind::Unique { .. }
            | ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::ForeignKey(_)
    )
}

fn plain(name: &str, hits: &mut Hits) {
    if name.chars().any(char::is_uppercase) {
        hits.add(format!("\"{name}\" has to be quoted wherever it is used"))
            .help("lower case, words joined by _");
    } else if name.starts_with('_') {
        hits.add(format!(
            "{name} looks like the server's own name for an array type"
        ))
        .help("a letter first");
    }
}

/// Both conventions are fine, the server's own (`orders_day_idx`) and the other (`idx_orders_day`).
fn of_table(name: &str, table: &Name, hits: &mut Hits) {
    plain(name, hits);
    if !has_marker(name) {
        says_nothing(name, "an index or a constraint", hits);
    } else if !mentions(name, &table.name) {
        hits.add(format!("{name} does not say that it belongs to {table}"))
            .help(format!("{}_…_idx, …_key, …_fkey", table.name));
    }
}

/// A table has several of these: its name and the word for an index do not say which one it is.
fn of_columns(name: &str, table: &Name, columns: &[String], hits: &mut Hits) {
    let of = words(&table.name);
    let said: Vec<String> = words(name)
        .into_iter()
        .filter(|word| !is_marker(word))
        .collect();
    // A column that is called like its table is named.
    let named = columns
        .iter()
        .any(|column| words(column).iter().all(|word| said.contains(word)));
    let only_table = said.iter().all(|w| of.contains(w)) && of.iter().all(|w| said.contains(w));
    if has_marker(name) && !is_primary(name) && only_table && !named {
        hits.add(format!(
            "{name} does not say which columns of {table} it is about"
        ))
        .help(format!("{}_<columns>_idx, …_key, …_fkey", table.name));
    }
}

/// There is one at most, and the server itself calls it `orders_pkey`.
fn is_primary(name: &str) -> bool {
    let primary = |word: &String| matches!(word.as_str(), "pk" | "pkey" | "primary");
    words(name).iter().any(primary)
}

/// The words of a name in lower case and without their plural.
fn words(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split('_').filter(|word| !word.is_empty());
    words
        .map(|word| word.strip_suffix('s').unwrap_or(word).to_owned())
        .collect()
}

fn says_nothing(name: &str, what: &str, hits: &mut Hits) {
    hits.add(format!("{name} does not say that it is {what}"))
        .help("…_idx, …_key, …_pkey, …_fkey");
}

fn has_marker(name: &str) -> bool {
    name.to_ascii_lowercase().split('_').any(is_marker)
}

/// A word that says what kind of thing it is, with or without a number.
fn is_marker(word: &str) -> bool {
    const MARKERS: &[&str] = &[
        "idx",
        "index",
        "ix",
        "key",
        "ukey",
        "uk",
        "uq",
        "unq",
        "uniq",
        "unique",
        "pk",
        "pkey",
        "fk",
        "fkey",
        "foreign",
        "primary",
        "con",
        "constraint",
        "excl",
        "ex",
        "gin",
        "gist",
        "brin",
        "trgm",
        "btree",
    ];
    MARKERS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// Whether any word of the table's name stands in `name`, be it one or many of the thing.
fn mentions(name: &str, table: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let table = table.to_ascii_lowercase();
    table.split('_').any(|word| {
        let stem = word.strip_suffix('s').unwrap_or(word);
        !stem.is_empty() && lower.contains(stem)
    })
}
