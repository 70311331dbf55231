//! Constraints of a replayed table, under the names that the server gives them.

use crate::lint::Table;
use crate::lint::indexes::Indexes;
use crate::lint::state::ConstraintState;
use crate::sql::model::{Constraint, ConstraintKind, Name};

impl Table {
    /// The name, if it is something that has one.
    pub(super) fn add(
        &mut self,
        table: &Name,
        constraint: &Constraint,
        column: Option<&str>,
    ) -> Option<String> {
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } => {
                for column in columns {
                    self.columns.entry(column.clone()).or_default().not_null = true;
                }
                self.primary_key = Some(columns.clone());
            }
            ConstraintKind::ForeignKey(key) => self.referenced.push(key.table.clone()),
            ConstraintKind::Check(expr) => {
                for (name, state) in &mut self.columns {
                    if expr.text.to_ascii_lowercase().contains(name.as_str()) {
                        state.checked = true;
                    }
                }
            }
            ConstraintKind::NotNull { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Exclude => {}
            _ => return None,
        }
        let name = constraint
            .name
            .clone()
            .unwrap_or_else(|| default_name(table, &constraint.kind, column));
        self.constraints.insert(
            name.clone(),
            ConstraintState {
                kind: constraint.kind.clone(),
                valid: !constraint.not_valid,
            },
        );
        Some(name)
    }
}

/// A key that takes over an index has the index's columns.
pub(super) fn fill_from_index(constraint: &mut Constraint, indexes: &Indexes) {
    if let ConstraintKind::PrimaryKey {
        columns,
        using_index: Some(index),
    } = &mut constraint.kind
        && let Some(index) = indexes.get(index)
    {
        *columns = index.columns.clone();
    }
}

/// The name PostgreSQL gives an unnamed constraint.
fn default_name(table: &Name, kind: &ConstraintKind, column: Option<&str>) -> String {
    let table = &table.name;
    match kind {
        ConstraintKind::PrimaryKey { .. } => format!("{table}_pkey"),
        ConstraintKind::Unique { columns, .. } => format!("{table}_{}_key", columns.join("_")),
        ConstraintKind::ForeignKey(key) => format!("{table}_{}_fkey", key.columns.join("_")),
        ConstraintKind::Check(_) => match column {
            Some(column) => format!("{table}_{column}_check"),
            None => format!("{table}_check"),
        },
        ConstraintKind::NotNull { column } => {
            format!("{table}_{}_not_null", column.as_deref().unwrap_or_default())
        }
        _ => format!("{table}_excl"),
    }
}
