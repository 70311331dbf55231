//! The part of the table of locks that is about ALTER TABLE; proved like the rest.

use crate::lint::{Effects, LockMode, State};
use crate::sql::model::{AlterTable, Constraint, ConstraintKind, Name, TableAction, Volatility};
use crate::sql::types::{self, TypeChange};

pub(super) fn alter_table(it: &AlterTable, state: &State, out: &mut Effects) {
    alter_one(it, &it.table, state, out);
    // Partitions are altered with their parent, but for what is about the parent alone.
    let own = |action: &TableAction| {
        matches!(
            action,
            TableAction::AttachPartition { .. }
                | TableAction::DetachPartition { .. }
                | TableAction::RenameTable { .. }
                | TableAction::SetSchema { .. }
                | TableAction::SetOptions { .. }
                | TableAction::SetTablespace
                | TableAction::SetAccessMethod
                | TableAction::OwnerTo
                | TableAction::RowSecurity
                | TableAction::ReplicaIdentity
        )
    };
    if !it.actions.iter().all(own) {
        for partition in state.partitions(&it.table) {
            alter_one(it, &partition, state, out);
        }
    }
}

fn alter_one(it: &AlterTable, table: &Name, state: &State, out: &mut Effects) {
    use LockMode as L;
    for action in &it.actions {
        match action {
            TableAction::AddColumn { column, .. } => {
                out.lock(table, L::AccessExclusive);
                let serial = matches!(
                    column.ty.name.as_str(),
                    "serial" | "bigserial" | "smallserial"
                );
                let volatile = column
                    .default()
                    .is_some_and(|d| d.volatility != Volatility::Fixed);
                let generated =
                    column.has(|k| matches!(k, ConstraintKind::Stored | ConstraintKind::Identity));
                let checked = state.constrained_domains.contains(&column.ty.name);
                if serial || volatile || generated || checked {
                    out.rewrite(table);
                }
                // All values of a column without a default are null, and null references nothing.
                let null = column
                    .default()
                    .is_none_or(|d| d.text.eq_ignore_ascii_case("null"));
                for constraint in &column.constraints {
                    match &constraint.kind {
                        // All rows get the same value: it is null for none or for all of them.
                        ConstraintKind::NotNull { .. } => {}
                        ConstraintKind::ForeignKey(key) if null => {
                            if key.table.key() != table.key() {
                                out.lock(&key.table, L::ShareRowExclusive);
                            }
                        }
                        _ => constraint_effects(table, constraint, out),
                    }
                }
            }
            TableAction::AddConstraint(constraint) => constraint_effects(table, constraint, out),
            TableAction::ValidateConstraint { name } => {
                out.lock(table, L::ShareUpdateExclusive);
                out.scan(table);
                let known = state.table(table).and_then(|t| t.constraints.get(name));
                if let Some(ConstraintKind::ForeignKey(key)) = known.map(|c| &c.kind) {
                    out.lock(&key.table, L::RowShare);
                    out.scan(&key.table);
                }
            }
            TableAction::DropConstraint { name, .. } => {
                out.lock(table, L::AccessExclusive);
                let known = state.table(table).and_then(|t| t.constraints.get(name));
                if let Some(ConstraintKind::ForeignKey(key)) = known.map(|c| &c.kind) {
                    out.lock(&key.table, L::AccessExclusive);
                }
            }
            TableAction::SetType {
                column,
                ty,
                using,
                collate,
            } => {
                out.lock(table, L::AccessExclusive);
                let from = state.column(table, column).and_then(|c| c.ty.as_ref());
                let change = from.map(|from| types::change(from, ty));
                if using.is_some()
                    || (matches!(change, None | Some(TypeChange::Rewrite)) && !collate)
                {
                    out.rewrite(table);
                } else if state.column(table, column).is_some_and(|c| c.checked)
                    || (*collate && state.is_indexed(table, column))
                {
                    // The CHECK is added anew, and an index that sorts otherwise is built anew.
                    out.scan(table);
                }
            }
            TableAction::SetNotNull { column } => {
                out.lock(table, L::AccessExclusive);
                if !state.proves_not_null(table, column) {
                    out.scan(table);
                }
            }
            TableAction::AttachPartition { partition, .. } => {
                out.lock(table, L::ShareUpdateExclusive);
                out.lock(partition, L::AccessExclusive);
                if !state.proves_bounds(partition) {
                    out.scan(partition);
                }
                if let Some(default) = state.default_partition(table) {
                    out.lock(&default, L::AccessExclusive);
                    out.scan(&default);
                }
            }
            TableAction::DetachPartition {
                partition,
                concurrently,
            } => {
                let (parent, child) = if *concurrently {
                    (L::ShareUpdateExclusive, L::AccessExclusive)
                } else {
                    (L::AccessExclusive, L::AccessExclusive)
                };
                out.lock(table, parent);
                out.lock(partition, child);
                if !concurrently && let Some(default) = state.default_partition(table) {
                    out.lock(&default, L::AccessExclusive);
                }
            }
            TableAction::SetLogged { .. } | TableAction::SetAccessMethod => out.rewrite(table),
            TableAction::Generated { rewrites: true, .. } => out.rewrite(table),
            TableAction::Triggers { .. } => out.lock(table, L::ShareRowExclusive),
            TableAction::SetOptions { .. } | TableAction::ClusterOn => {
                out.lock(table, L::ShareUpdateExclusive);
            }
            TableAction::ColumnTuning => out.lock(table, L::ShareUpdateExclusive),
            TableAction::SetTablespace => {
                out.lock(table, L::AccessExclusive);
                out.rewrite(table);
            }
            _ => out.lock(table, L::AccessExclusive),
        }
    }
}

fn constraint_effects(table: &Name, constraint: &Constraint, out: &mut Effects) {
    use LockMode as L;
    match &constraint.kind {
        ConstraintKind::ForeignKey(key) => {
            out.lock(table, L::ShareRowExclusive);
            if key.table.key() != table.key() {
                out.lock(&key.table, L::ShareRowExclusive);
            }
            if !constraint.not_valid && !constraint.not_enforced {
                out.scan(table);
                if key.table.key() != table.key() {
                    out.scan(&key.table);
                }
            }
        }
        ConstraintKind::Unique {
            using_index: Some(_),
            ..
        }
        | ConstraintKind::PrimaryKey {
            using_index: Some(_),
            ..
        } => {
            out.lock(table, L::AccessExclusive);
        }
        ConstraintKind::Unique { .. }
        | ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Exclude => {
            out.lock(table, L::AccessExclusive);
            out.scan(table);
        }
        ConstraintKind::Check(_) | ConstraintKind::NotNull { .. } => {
            out.lock(table, L::AccessExclusive);
            if !constraint.not_valid && !constraint.not_enforced {
                out.scan(table);
            }
        }
        _ => {}
    }
}
