//! Which locks a statement takes and what it rewrites or scans: one table for all rules, each
//! line of it proved on a live server in `tests/it/proofs.rs`.

use crate::lint::{LockMode, State};
use crate::sql::model::{
    AlterTable, Constraint, ConstraintKind, Kind, Name, Object, TableAction, Volatility,
};
use crate::sql::types::{self, TypeChange};

/// What a statement does to tables while it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Effects {
    /// The strongest mode for each table.
    pub(crate) locks: Vec<(Name, LockMode)>,
    /// Tables whose every row is written anew.
    pub(crate) rewrites: Vec<Name>,
    /// Tables whose every row is read under the lock.
    pub(crate) scans: Vec<Name>,
}

impl Effects {
    fn lock(&mut self, table: &Name, mode: LockMode) {
        match self.locks.iter_mut().find(|(t, _)| t.key() == table.key()) {
            Some((_, held)) => *held = (*held).max(mode),
            None => self.locks.push((table.clone(), mode)),
        }
    }

    fn rewrite(&mut self, table: &Name) {
        self.lock(table, LockMode::AccessExclusive);
        self.rewrites.push(table.clone());
    }

    fn scan(&mut self, table: &Name) {
        self.scans.push(table.clone());
    }

    pub(crate) fn on(&self, table: &Name) -> Option<LockMode> {
        self.locks
            .iter()
            .find(|(t, _)| t.key() == table.key())
            .map(|(_, mode)| *mode)
    }

    pub(crate) fn rewrites(&self, table: &Name) -> bool {
        self.rewrites.iter().any(|t| t.key() == table.key())
    }

    pub(crate) fn scans(&self, table: &Name) -> bool {
        self.scans.iter().any(|t| t.key() == table.key())
    }
}

/// What `kind` does, given what the chain has done so far.
pub(crate) fn effects(kind: &Kind, state: &State) -> Effects {
    use LockMode as L;
    let mut out = Effects::default();
    match kind {
        Kind::CreateTable(it) => {
            for constraint in it
                .columns
                .iter()
                .flat_map(|c| &c.constraints)
                .chain(&it.constraints)
            {
                if let ConstraintKind::ForeignKey(key) = &constraint.kind
                    && key.table.key() != it.table.key()
                {
                    out.lock(&key.table, L::ShareRowExclusive);
                }
            }
            if let Some(parent) = &it.partition_of {
                out.lock(parent, L::AccessExclusive);
            }
            for parent in &it.inherits {
                out.lock(parent, L::ShareUpdateExclusive);
            }
        }
        Kind::AlterTable(it) if matches!(it.object, Object::Table) => {
            alter_table(it, state, &mut out)
        }
        Kind::AlterTable(it) => out.lock(&it.table, L::AccessExclusive),
        Kind::CreateIndex(it) => {
            let mode = if it.concurrently {
                L::ShareUpdateExclusive
            } else {
                L::Share
            };
            out.lock(&it.table, mode);
            if !it.only {
                out.scan(&it.table);
            }
        }
        Kind::CreateTrigger { table } => out.lock(table, L::ShareRowExclusive),
        Kind::CreatePolicy { table }
        | Kind::ChangePolicy { table }
        | Kind::CreateRule { table } => {
            out.lock(table, L::AccessExclusive);
        }
        Kind::Drop(it) => {
            for name in &it.names {
                match it.object {
                    Object::Table => {
                        out.lock(name, L::AccessExclusive);
                        let known = state.table(name);
                        for parent in known.and_then(|t| t.partition_of.as_ref()).into_iter() {
                            out.lock(&Name::bare(parent.clone()), L::AccessExclusive);
                        }
                        for partner in known.into_iter().flat_map(|t| &t.referenced) {
                            out.lock(partner, L::AccessExclusive);
                        }
                    }
                    Object::Index if !it.concurrently => {
                        if let Some(index) = state.indexes.get(&name.name) {
                            out.lock(&Name::bare(index.table.clone()), L::AccessExclusive);
                        }
                    }
                    Object::View | Object::MaterializedView => out.lock(name, L::AccessExclusive),
                    _ => {}
                }
            }
            if let Some(table) = &it.on {
                out.lock(table, L::AccessExclusive);
            }
        }
        Kind::Truncate { tables, .. } => tables.iter().for_each(|t| out.rewrite(t)),
        Kind::Insert { table, .. } | Kind::Merge { table } => out.lock(table, L::RowExclusive),
        Kind::Update { table, .. } | Kind::Delete { table, .. } => {
            out.lock(table, L::RowExclusive);
            out.scan(table);
        }
        Kind::Copy {
            table: Some(table),
            into: true,
        } => out.lock(table, L::RowExclusive),
        Kind::Reindex {
            concurrently: false,
            scope,
            name: Some(name),
        } if scope == "table" => {
            out.lock(name, L::Share);
            out.scan(name);
        }
        Kind::Reindex {
            concurrently: true,
            scope,
            name: Some(name),
        } if scope == "table" => {
            out.lock(name, L::ShareUpdateExclusive);
        }
        Kind::Reindex {
            concurrently: false,
            scope,
            name: Some(name),
        } if scope == "index" => {
            if let Some(index) = state.indexes.get(&name.name) {
                out.lock(&Name::bare(index.table.clone()), L::Share);
            }
        }
        Kind::Vacuum { full: true, tables } => tables.iter().for_each(|t| out.rewrite(t)),
        Kind::Cluster { table: Some(table) } => out.rewrite(table),
        Kind::RefreshView {
            view, concurrently, ..
        } => {
            if *concurrently {
                out.lock(view, L::Exclusive);
            } else {
                out.rewrite(view);
            }
        }
        Kind::LockTable { tables, mode } => {
            for table in tables {
                out.lock(table, lock_mode(mode));
            }
        }
        // ALTER DOMAIN locks every table that uses the domain; which ones is not in the file.
        Kind::Comment { table: Some(table) } => out.lock(table, L::ShareUpdateExclusive),
        Kind::Select { writes, .. } => {
            for inner in writes {
                let inner = effects(inner, state);
                for (table, mode) in inner.locks {
                    out.lock(&table, mode);
                }
                out.scans.extend(inner.scans);
            }
        }
        Kind::Rename {
            object: Object::View | Object::MaterializedView | Object::Trigger | Object::Policy,
            from,
            ..
        } => {
            out.lock(from, L::AccessExclusive);
        }
        _ => {}
    }
    out
}

fn alter_table(it: &AlterTable, state: &State, out: &mut Effects) {
    use LockMode as L;
    let table = &it.table;
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
                if serial || volatile || generated {
                    out.rewrite(table);
                }
                for constraint in &column.constraints {
                    constraint_effects(table, constraint, out);
                }
            }
            TableAction::AddConstraint(constraint) => constraint_effects(table, constraint, out),
            TableAction::ValidateConstraint { name } => {
                out.lock(table, L::ShareUpdateExclusive);
                out.scan(table);
                let known = state.table(table).and_then(|t| t.constraints.get(name));
                if let Some(ConstraintKind::ForeignKey(key)) = known.map(|c| &c.kind) {
                    out.lock(&key.table, L::RowShare);
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
                out.scan(partition);
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

fn lock_mode(spelled: &str) -> LockMode {
    match spelled {
        "access share" => LockMode::AccessShare,
        "row share" => LockMode::RowShare,
        "row exclusive" => LockMode::RowExclusive,
        "share update exclusive" => LockMode::ShareUpdateExclusive,
        "share" => LockMode::Share,
        "share row exclusive" => LockMode::ShareRowExclusive,
        "exclusive" => LockMode::Exclusive,
        _ => LockMode::AccessExclusive,
    }
}
