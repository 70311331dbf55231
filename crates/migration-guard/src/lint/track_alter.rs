//! How CREATE TABLE and ALTER TABLE change the replayed state.

use crate::lint::named::fill_from_index;
use crate::lint::state::ColumnState;
use crate::lint::{State, Table, Within};
use crate::sql::model::{
    AlterTable, ConstraintKind, CreateTable, Name, PartitionChange, TableAction,
};

impl State {
    /// Whether a table of that name is new if the statement at hand makes it.
    pub(super) fn makes_certainly(&self, table: &Name, if_not_exists: bool) -> bool {
        // The names of temporary tables are those of this session alone.
        let guarded = if_not_exists && !table.is_temporary();
        !guarded && !self.conditional || self.is_absent(table) && !table.is_temporary()
    }

    pub(super) fn create_table(&mut self, it: &CreateTable) {
        let key = it.table.key();
        let known = it.if_not_exists && self.tables.contains_key(&key);
        if known || it.until_commit && self.within() == Within::Nothing {
            return;
        }
        let certain = self.makes_certainly(&it.table, it.if_not_exists);
        let mut table = Table {
            new: true,
            certain,
            until_commit: it.until_commit,
            uncommitted: self.within() != Within::Nothing,
            search_path: self.path_for(&it.table),
            complete: certain
                && it.like.is_empty()
                && it.inherits.is_empty()
                && it.partition_of.is_none(),
            partitioned: it.partition_by.is_some(),
            partition_of: it.partition_of.as_ref().map(Name::key),
            default_partition: it.default_partition,
            inherits: it.inherits.iter().map(Name::key).collect(),
            ..Table::default()
        };
        for column in &it.columns {
            table
                .columns
                .insert(column.name.clone(), ColumnState::of(column, certain));
            for constraint in &column.constraints {
                table.add(&it.table, constraint, Some(&column.name));
            }
        }
        for constraint in &it.constraints {
            table.add(&it.table, constraint, None);
        }
        for name in table.constraints.keys() {
            self.constrained.add(name, &key);
        }
        for parent in it.partition_of.iter().chain(&it.inherits) {
            self.link(&key, &parent.key(), it.default_partition);
        }
        self.tables.insert(key, table);
        if let Some(parent) = &it.partition_of {
            self.tables.entry(parent.key()).or_default().partitioned = true;
        }
    }

    pub(super) fn alter_table(&mut self, it: &AlterTable) {
        let key = it.table.key();
        let conditional = self.conditional;
        *self.altered.entry(key.clone()).or_default() += 1;
        let mut unvalidated = Vec::new();
        let mut named = Vec::new();
        let table = self.tables.entry(key.clone()).or_default();
        for action in &it.actions {
            match action {
                TableAction::AddColumn {
                    column,
                    if_not_exists,
                } => {
                    let absent = table.complete && !table.columns.contains_key(&column.name);
                    let known = table.columns.get(&column.name).is_some_and(|c| c.new);
                    let new = known || absent || !if_not_exists && !conditional;
                    table
                        .columns
                        .insert(column.name.clone(), ColumnState::of(column, new));
                    for constraint in &column.constraints {
                        named.extend(table.add(&it.table, constraint, Some(&column.name)));
                    }
                }
                TableAction::DropColumn { column, .. } => {
                    table.columns.remove(column);
                    self.indexes.remove_of(&key, Some(column));
                }
                TableAction::RenameColumn { from, to } => {
                    if let Some(state) = table.columns.remove(from) {
                        table.columns.insert(to.clone(), state);
                    }
                }
                TableAction::AddConstraint(constraint) => {
                    if constraint.not_valid {
                        let name = constraint.name.clone().unwrap_or_default();
                        unvalidated.push((key.clone(), name));
                    }
                    let mut constraint = constraint.clone();
                    fill_from_index(&mut constraint, &self.indexes);
                    named.extend(table.add(&it.table, &constraint, None));
                }
                TableAction::DropConstraint { name, .. } => {
                    let gone = table.constraints.remove(name);
                    if matches!(
                        gone.map(|c| c.kind),
                        Some(ConstraintKind::PrimaryKey { .. })
                    ) {
                        table.primary_key = None;
                    }
                    table.uses.remove(name);
                }
                TableAction::RenameConstraint { from, to } => {
                    if let Some(state) = table.constraints.remove(from) {
                        table.constraints.insert(to.clone(), state);
                    }
                    named.push(to.clone());
                    if let Some(columns) = table.uses.remove(from) {
                        table.uses.insert(to.clone(), columns);
                    }
                }
                TableAction::ValidateConstraint { name } => {
                    if let Some(state) = table.constraints.get_mut(name) {
                        state.valid = true;
                    }
                }
                TableAction::SetType { column, ty, .. } => {
                    table.columns.entry(column.clone()).or_default().ty = Some(ty.clone());
                }
                TableAction::SetNotNull { column } => {
                    table.columns.entry(column.clone()).or_default().not_null = true;
                }
                TableAction::DropNotNull { column } => {
                    table.columns.entry(column.clone()).or_default().not_null = false;
                }
                TableAction::SetDefault { column, .. } => {
                    table.columns.entry(column.clone()).or_default().default = true;
                }
                TableAction::DropDefault { column } => {
                    table.columns.entry(column.clone()).or_default().default = false;
                }
                _ => {}
            }
        }
        for name in named {
            self.constrained.add(&name, &key);
        }
        self.unvalidated.extend(unvalidated);
        for action in &it.actions {
            match action {
                TableAction::RenameTable { to } => self.move_table(
                    &key,
                    &Name {
                        schema: it.table.schema.clone(),
                        name: to.clone(),
                    },
                ),
                TableAction::SetSchema { to } => self.move_table(
                    &key,
                    &Name {
                        schema: Some(to.clone()),
                        name: it.table.name.clone(),
                    },
                ),
                TableAction::AttachPartition { partition, default } => {
                    let brings = !self.is_new(partition);
                    self.link(&partition.key(), &key, *default);
                    let partition = self.tables.entry(partition.key()).or_default();
                    partition.partition_of = Some(key.clone());
                    partition.default_partition = *default;
                    self.tables.entry(key.clone()).or_default().partitioned = true;
                    if brings {
                        self.fill_upwards(&key);
                    }
                }
                TableAction::DetachPartition { partition, .. } => {
                    self.unlink(&partition.key(), &key);
                    self.tables.entry(partition.key()).or_default().partition_of = None;
                }
                TableAction::Inherit { parent, begins } => {
                    let parent = parent.key();
                    let brings = !self.is_new(&it.table);
                    self.unlink(&key, &parent);
                    let child = self.tables.entry(key.clone()).or_default();
                    child.inherits.retain(|of| *of != parent);
                    if *begins {
                        child.inherits.push(parent.clone());
                        self.link(&key, &parent, false);
                        if brings {
                            self.fill_upwards(&parent);
                        }
                    }
                }
                TableAction::Partitions {
                    change: PartitionChange::Exchange,
                    ..
                } => self.fill_upwards(&key),
                _ => {}
            }
        }
    }

    fn move_table(&mut self, from: &str, to: &Name) {
        if let Some(mut table) = self.tables.remove(from) {
            table.search_path = self.path_for(to);
            let to_key = to.key();
            self.unlink_all(from, &table);
            for name in table.constraints.keys() {
                self.constrained.add(name, &to_key);
            }
            for parent in table.partition_of.iter().chain(&table.inherits) {
                self.link(&to_key, parent, table.default_partition);
            }
            for part in self.parts_of_renamed(from) {
                let known = self.tables.get(&part);
                let default = known.is_some_and(|t| t.default_partition);
                self.link(&part, &to_key, default);
                let Some(part) = self.tables.get_mut(&part) else {
                    continue;
                };
                let names = part.partition_of.iter_mut().chain(&mut part.inherits);
                for name in names.filter(|name| *name == from) {
                    name.clone_from(&to_key);
                }
            }
            self.tables.insert(to.key(), table);
            self.indexes.rename_table(from, &to.key());
        }
    }

    /// Rows that were not put there by the chain are in a table now, and in all that it is a part of.
    fn fill_upwards(&mut self, table: &str) {
        let mut above = vec![table.to_owned()];
        let mut at = 0;
        while let Some(key) = above.get(at).cloned() {
            at += 1;
            let Some(table) = self.tables.get_mut(&key) else {
                continue;
            };
            table.filled = true;
            table.rows = true;
            let parents = table.partition_of.iter().chain(&table.inherits);
            for parent in parents {
                if !above.contains(parent) {
                    above.push(parent.clone());
                }
            }
        }
    }
}
