//! How each statement changes the replayed state.

use crate::Transactional;
use crate::lint::state::{ColumnState, ConstraintState, Held, Index, Seen, Timeout};
use crate::lint::{Effects, LintOptions, LockMode, State, Table, Unit};
use crate::sql::model::{
    AlterTable, AlterType, Constraint, ConstraintKind, CreateTable, Kind, Name, Object, TableAction,
};

impl State {
    /// A new file begins; the session's settings are the runner's again.
    pub(crate) fn begin_unit(&mut self, unit: &Unit, options: &LintOptions) {
        let transaction = options.transaction.unwrap_or(unit.transaction);
        self.in_transaction = transaction == Transactional::Yes;
        self.opened = None;
        let set = |d: Option<std::time::Duration>| {
            d.map_or(Timeout::Unset, |d| Timeout::Set(d.as_millis() as u64))
        };
        self.lock_timeout = set(options.lock_timeout);
        self.statement_timeout = set(options.statement_timeout);
        self.end_transaction();
        self.search_path.clear();
        self.altered.clear();
        self.seen = Seen::default();
    }

    pub(crate) fn end_transaction(&mut self) {
        self.held.clear();
        self.fresh_values.clear();
        self.unvalidated.clear();
    }

    /// The statement has run.
    pub(crate) fn apply(&mut self, kind: &Kind, effects: &Effects, index: usize) {
        self.remember_locks(effects);
        if kind.is_non_transactional() {
            self.seen.non_transactional = true;
        } else if kind.changes_schema() {
            self.seen.transactional = true;
        }
        self.seen.schema_change |= kind.changes_schema();
        match kind {
            Kind::Begin => {
                self.in_transaction = true;
                self.opened = Some(index);
            }
            Kind::RollbackTo => self.forget_new(),
            Kind::Commit | Kind::Rollback => {
                if *kind == Kind::Rollback {
                    self.forget_new();
                }
                self.in_transaction = false;
                self.opened = None;
                self.end_transaction();
            }
            Kind::Set { name, value, local } => self.set(name, value, *local),
            Kind::Reset { name } => self.reset(name),
            Kind::CreateTable(it) => self.create_table(it),
            Kind::CreateTableAs {
                table,
                temporary,
                with_data,
            } => {
                let filled = *with_data && !temporary;
                let search_path = self.path_for(table);
                self.tables.insert(
                    table.key(),
                    Table {
                        new: true,
                        filled,
                        search_path,
                        ..Table::default()
                    },
                );
            }
            Kind::Select {
                into: Some(table), ..
            } => {
                let search_path = self.path_for(table);
                self.tables.insert(
                    table.key(),
                    Table {
                        new: true,
                        certain: true,
                        filled: true,
                        search_path,
                        ..Table::default()
                    },
                );
            }
            Kind::CreateMaterializedView { name, .. } => {
                self.new_views.insert(name.key());
            }
            Kind::CreateIndex(it) => {
                if let Some(name) = &it.name {
                    self.indexes.insert(
                        name.clone(),
                        Index {
                            table: it.table.key(),
                            columns: it.columns.clone(),
                            unique: it.unique,
                            partial: it.partial,
                        },
                    );
                }
            }
            Kind::CreateType { name, .. } => {
                self.new_types.insert(name.key());
            }
            Kind::AlterType {
                name,
                action: AlterType::AddValue { value, .. },
            } if self.in_transaction && !self.new_types.contains(&name.key()) => {
                self.fresh_values.push(value.clone());
            }
            Kind::AlterTable(it) => self.alter_table(it),
            Kind::Drop(it) => {
                for name in &it.names {
                    match it.object {
                        Object::Table => {
                            self.tables.remove(&name.key());
                        }
                        Object::Index => {
                            self.indexes.remove(&name.name);
                        }
                        _ => {}
                    }
                }
            }
            Kind::Insert {
                table,
                from_query: true,
                ..
            } => self.fill(table),
            Kind::Copy {
                table: Some(table),
                into: true,
            }
            | Kind::Merge { table } => self.fill(table),
            _ => {}
        }
    }

    fn path_for(&self, table: &Name) -> String {
        match table.schema {
            None => self.search_path.clone(),
            Some(_) => String::new(),
        }
    }

    fn fill(&mut self, table: &Name) {
        if let Some(table) = self.tables.get_mut(&table.key()) {
            table.filled = true;
        }
    }

    fn remember_locks(&mut self, effects: &Effects) {
        if !self.in_transaction {
            return;
        }
        for (table, lock) in &effects.locks {
            if *lock >= LockMode::Share && !self.is_new(table) {
                self.held.push(Held {
                    table: table.key(),
                    lock: *lock,
                });
            }
        }
    }

    fn set(&mut self, name: &str, value: &str, local: bool) {
        let timeout = match name {
            "lock_timeout" => &mut self.lock_timeout,
            "statement_timeout" => &mut self.statement_timeout,
            "search_path" => {
                value.clone_into(&mut self.search_path);
                return;
            }
            _ => return,
        };
        // SET LOCAL outside a transaction does nothing.
        if !local || self.in_transaction {
            *timeout = parse_timeout(value);
        }
    }

    fn reset(&mut self, name: &str) {
        match name {
            "lock_timeout" => self.lock_timeout = Timeout::Unset,
            "search_path" => self.search_path.clear(),
            "statement_timeout" => self.statement_timeout = Timeout::Unset,
            "all" => {
                self.lock_timeout = Timeout::Unset;
                self.statement_timeout = Timeout::Unset;
            }
            _ => {}
        }
    }

    fn create_table(&mut self, it: &CreateTable) {
        if it.if_not_exists && self.tables.contains_key(&it.table.key()) {
            return;
        }
        let mut table = Table {
            new: true,
            certain: !it.if_not_exists,
            search_path: self.path_for(&it.table),
            complete: it.like.is_empty() && it.inherits.is_empty() && it.partition_of.is_none(),
            partitioned: it.partition_by.is_some(),
            partition_of: it.partition_of.as_ref().map(Name::key),
            ..Table::default()
        };
        for column in &it.columns {
            table
                .columns
                .insert(column.name.clone(), ColumnState::of(column));
            for constraint in &column.constraints {
                table.add(&it.table, constraint, Some(&column.name));
            }
        }
        for constraint in &it.constraints {
            table.add(&it.table, constraint, None);
        }
        self.tables.insert(it.table.key(), table);
    }

    fn alter_table(&mut self, it: &AlterTable) {
        let key = it.table.key();
        *self.altered.entry(key.clone()).or_default() += 1;
        let mut unvalidated = Vec::new();
        let indexes = self.indexes.clone();
        let table = self.tables.entry(key.clone()).or_default();
        for action in &it.actions {
            match action {
                TableAction::AddColumn { column, .. } => {
                    table
                        .columns
                        .insert(column.name.clone(), ColumnState::of(column));
                    for constraint in &column.constraints {
                        table.add(&it.table, constraint, Some(&column.name));
                    }
                }
                TableAction::DropColumn { column, .. } => {
                    table.columns.remove(column);
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
                    fill_from_index(&mut constraint, &indexes);
                    table.add(&it.table, &constraint, None);
                }
                TableAction::DropConstraint { name, .. } => {
                    table.constraints.remove(name);
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
        self.unvalidated.extend(unvalidated);
        for action in &it.actions {
            match action {
                TableAction::RenameTable { to } => {
                    if let Some(table) = self.tables.remove(&key) {
                        let name = Name {
                            schema: it.table.schema.clone(),
                            name: to.clone(),
                        };
                        self.tables.insert(name.key(), table);
                    }
                }
                TableAction::AttachPartition { partition, .. } => {
                    self.tables.entry(partition.key()).or_default().partition_of =
                        Some(key.clone());
                }
                TableAction::DetachPartition { partition, .. } => {
                    self.tables.entry(partition.key()).or_default().partition_of = None;
                }
                _ => {}
            }
        }
    }
}

impl Table {
    fn add(&mut self, table: &Name, constraint: &Constraint, column: Option<&str>) {
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
            _ => return,
        }
        let name = constraint
            .name
            .clone()
            .unwrap_or_else(|| default_name(table, &constraint.kind, column));
        self.constraints.insert(
            name,
            ConstraintState {
                kind: constraint.kind.clone(),
                valid: !constraint.not_valid,
            },
        );
    }
}

fn fill_from_index(
    constraint: &mut Constraint,
    indexes: &std::collections::BTreeMap<String, Index>,
) {
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

/// Milliseconds of a value as SET takes it: `5s`, `5000`, `0`, `default`.
fn parse_timeout(value: &str) -> Timeout {
    let value = value.trim().trim_matches('\'').to_ascii_lowercase();
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let Ok(number) = digits.trim().parse::<u64>() else {
        return Timeout::Unset;
    };
    let unit = value[digits.len()..].trim();
    let factor = match unit {
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 1,
    };
    match number.saturating_mul(factor) {
        0 => Timeout::Off,
        ms => Timeout::Set(ms),
    }
}

impl Kind {
    /// Whether it reads or writes rows and changes nothing else.
    pub(crate) fn is_data(&self) -> bool {
        matches!(
            self,
            Self::Insert { .. }
                | Self::Update { .. }
                | Self::Delete { .. }
                | Self::Merge { .. }
                | Self::Copy { .. }
                | Self::Select { .. }
        )
    }

    /// Whether it is DDL, as against data and session statements.
    pub(crate) fn changes_schema(&self) -> bool {
        matches!(
            self,
            Self::CreateTable(_)
                | Self::CreateTableAs { .. }
                | Self::AlterTable(_)
                | Self::CreateIndex(_)
                | Self::AlterIndex { .. }
                | Self::CreateView { .. }
                | Self::CreateMaterializedView { .. }
                | Self::CreateFunction(_)
                | Self::CreateTrigger { .. }
                | Self::CreateSequence { .. }
                | Self::AlterSequence { .. }
                | Self::CreateType { .. }
                | Self::AlterType { .. }
                | Self::CreateDomain { .. }
                | Self::AlterDomain { .. }
                | Self::CreateSchema { .. }
                | Self::CreateExtension { .. }
                | Self::AlterExtension { .. }
                | Self::CreatePolicy { .. }
                | Self::ChangePolicy { .. }
                | Self::CreateRule { .. }
                | Self::Drop(_)
                | Self::Rename { .. }
                | Self::SetSchema { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_server_reads_them() {
        assert_eq!(parse_timeout("'5s'"), Timeout::Set(5000));
        assert_eq!(parse_timeout("250"), Timeout::Set(250));
        assert_eq!(parse_timeout("2 min"), Timeout::Set(120_000));
        assert_eq!(parse_timeout("0"), Timeout::Off);
        assert_eq!(parse_timeout("default"), Timeout::Unset);
    }
}
