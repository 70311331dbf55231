//! Which locks a statement takes and what it rewrites or scans: one table for all rules, each
//! line of it proved on a live server in `tests/it/matrix.rs`.

use crate::lint::effects_alter::alter_table;
use crate::lint::{LockMode, State};
use crate::sql::model::{AlterDomain, ConstraintKind, Kind, Name, Object};

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
    pub(super) fn lock(&mut self, table: &Name, mode: LockMode) {
        match self.locks.iter_mut().find(|(t, _)| t.key() == table.key()) {
            Some((_, held)) => *held = (*held).max(mode),
            None => self.locks.push((table.clone(), mode)),
        }
    }

    pub(super) fn rewrite(&mut self, table: &Name) {
        self.lock(table, LockMode::AccessExclusive);
        self.rewrites.push(table.clone());
    }

    pub(super) fn scan(&mut self, table: &Name) {
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
                if let Some(default) = state.default_partition(parent) {
                    out.lock(&default, L::AccessExclusive);
                    out.scan(&default);
                }
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
                for partition in state.partitions(&it.table) {
                    out.lock(&partition, mode);
                    out.scan(&partition);
                }
            }
        }
        Kind::CreateTrigger { table, .. } => out.lock(table, L::ShareRowExclusive),
        Kind::CreatePolicy { table }
        | Kind::ChangePolicy { table }
        | Kind::CreateRule { table, .. } => {
            out.lock(table, L::AccessExclusive);
        }
        Kind::Drop(it) => {
            for name in &it.names {
                match it.object {
                    Object::Table => {
                        out.lock(name, L::AccessExclusive);
                        let known = state.table(name);
                        for parent in known.and_then(|t| t.partition_of.as_ref()).into_iter() {
                            let parent = Name::of_key(parent);
                            out.lock(&parent, L::AccessExclusive);
                            if let Some(default) = state.default_partition(&parent) {
                                out.lock(&default, L::AccessExclusive);
                            }
                        }
                        for partition in state.partitions(name) {
                            out.lock(&partition, L::AccessExclusive);
                        }
                        if it.cascade {
                            for child in state.referencing(name) {
                                out.lock(&child, L::AccessExclusive);
                            }
                        }
                        for partner in known.into_iter().flat_map(|t| &t.referenced) {
                            out.lock(partner, L::AccessExclusive);
                        }
                    }
                    Object::Index if !it.concurrently => {
                        if let Some(index) = state.indexes.find(name) {
                            out.lock(&Name::of_key(&index.table), L::AccessExclusive);
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
        Kind::Truncate { tables, cascade } => {
            let mut all = tables.clone();
            let mut at = 0;
            while let Some(table) = all.get(at).cloned() {
                out.rewrite(&table);
                let mut more = state.parts(&table);
                if *cascade {
                    more.extend(state.referencing(&table));
                }
                more.retain(|m| !all.iter().any(|t| t.key() == m.key()));
                all.extend(more);
                at += 1;
            }
        }
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
            if let Some(index) = state.indexes.find(name) {
                let table = Name::of_key(&index.table);
                out.lock(&table, L::Share);
                out.scan(&table);
            }
        }
        Kind::Vacuum { full: true, tables } => tables.iter().for_each(|t| out.rewrite(t)),
        Kind::Cluster { table: Some(table) } => out.rewrite(table),
        Kind::RefreshView {
            view, concurrently, ..
        } => {
            if *concurrently {
                out.lock(view, L::Exclusive);
                out.scan(view);
            } else {
                out.rewrite(view);
            }
        }
        Kind::LockTable { tables, mode } => {
            for table in tables {
                out.lock(table, lock_mode(mode));
            }
        }
        Kind::AlterDomain {
            name,
            action: AlterDomain::AddConstraint { not_valid: false } | AlterDomain::SetNotNull,
        } => {
            for table in state.using_type(name) {
                out.lock(&table, L::Share);
                out.scan(&table);
            }
        }
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
