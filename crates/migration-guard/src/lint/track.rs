//! How each statement changes the replayed state.

use crate::lint::guess::Guess;
use crate::lint::named::fill_from_index;
use crate::lint::state::{ColumnState, Held, Index, Seen, Timeout};
use crate::lint::timeout::parse_timeout;
use crate::lint::{Effects, LintOptions, LockMode, Runner, State, Table, Unit, Within};
use crate::sql::model::{
    AlterDomain, AlterTable, AlterType, ConstraintKind, CreateTable, Kind, Name, Object,
    TableAction,
};

impl State {
    /// A new file begins; the session's settings are the runner's again.
    pub(crate) fn begin_unit(&mut self, unit: &Unit, options: &LintOptions) {
        let transaction = match (options.transaction, options.runner) {
            (Some(told), _) => Guess::told(told),
            (None, Runner::Known) => Guess::told(unit.transaction),
            (None, Runner::Unknown) => Guess::from(&unit.script),
        };
        let transaction = Guess::said(&unit.script).unwrap_or(transaction);
        self.in_transaction = transaction == Guess::Yes;
        self.perhaps_in_transaction = transaction == Guess::Perhaps;
        self.opened = None;
        self.unit += 1;
        let set = |d: Option<std::time::Duration>| {
            d.map_or(Timeout::Unset, |d| Timeout::Set(d.as_millis() as u64))
        };
        self.lock_timeout = set(options.lock_timeout);
        self.statement_timeout = set(options.statement_timeout);
        self.of_session = (self.lock_timeout, self.statement_timeout);
        self.at_begin = self.of_session;
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
        self.blind |= matches!(
            kind,
            Kind::Dynamic | Kind::Unanalysed | Kind::Call { .. } | Kind::CreateExtension { .. }
        ) || matches!(
            kind,
            Kind::Do {
                opaque: Some(_),
                ..
            }
        );
        match kind {
            Kind::Begin => {
                self.in_transaction = true;
                self.opened = Some(index);
                self.at_begin = self.of_session;
            }
            Kind::RollbackTo => self.forget_new(),
            Kind::Commit | Kind::Rollback => {
                if *kind == Kind::Rollback {
                    self.forget_new();
                    self.of_session = self.at_begin;
                }
                (self.lock_timeout, self.statement_timeout) = self.of_session;
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
                            method: it.method.clone(),
                            valid: true,
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
            } if self.within() != Within::Nothing && !self.new_types.contains(&name.key()) => {
                self.fresh_values.push(value.clone());
            }
            Kind::AlterTable(it) => self.alter_table(it),
            Kind::Drop(it) => {
                for name in &it.names {
                    match it.object {
                        Object::Table => {
                            let key = name.key();
                            self.tables.remove(&key);
                            self.indexes.retain(|_, index| index.table != key);
                        }
                        Object::Index => {
                            self.indexes.remove(&name.name);
                        }
                        _ => {}
                    }
                }
            }
            Kind::Insert {
                table, from_query, ..
            } => {
                if let Some(known) = self.tables.get_mut(&table.key()) {
                    known.rows = true;
                    known.filled |= from_query;
                }
            }
            Kind::CreateDomain {
                name,
                constrained: true,
            }
            | Kind::AlterDomain {
                name,
                action: AlterDomain::AddConstraint { .. } | AlterDomain::SetNotNull,
            } => {
                self.constrained_domains.insert(name.name.clone());
            }
            Kind::Copy {
                table: Some(table),
                into: true,
            }
            | Kind::Merge { table } => self.fill(table),
            _ => {}
        }
    }

    /// TimescaleDB and Citus take a table by a call that names it.
    pub(crate) fn hand_over(&mut self, functions: &[String], text: &str) {
        const TAKES: &[&str] = &[
            "create_hypertable",
            "create_distributed_table",
            "create_reference_table",
        ];
        for function in functions.iter().filter(|f| TAKES.contains(&f.as_str())) {
            let literal = text.split('\'').nth(1).unwrap_or_default();
            let table = literal.strip_prefix("public.").unwrap_or(literal);
            self.managed.insert(table.to_owned(), function.clone());
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
            table.rows = true;
        }
    }

    fn remember_locks(&mut self, effects: &Effects) {
        for (table, lock) in &effects.locks {
            if *lock == LockMode::AccessExclusive && !self.is_new(table) {
                let files = self.locked_in.entry(table.key()).or_default();
                if files.last() != Some(&self.unit) {
                    files.push(self.unit);
                }
            }
        }
        if self.within() == Within::Nothing {
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
        let (timeout, of_session) = match name {
            "lock_timeout" => (&mut self.lock_timeout, &mut self.of_session.0),
            "statement_timeout" => (&mut self.statement_timeout, &mut self.of_session.1),
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
        if !local {
            *of_session = *timeout;
        }
    }

    fn reset(&mut self, name: &str) {
        match name {
            "lock_timeout" | "all" => self.of_session.0 = Timeout::Unset,
            "statement_timeout" => self.of_session.1 = Timeout::Unset,
            _ => {}
        }
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
            default_partition: it.default_partition,
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
        if let Some(parent) = &it.partition_of {
            self.tables.entry(parent.key()).or_default().partitioned = true;
        }
    }

    fn alter_table(&mut self, it: &AlterTable) {
        let key = it.table.key();
        *self.altered.entry(key.clone()).or_default() += 1;
        let mut unvalidated = Vec::new();
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
                    self.indexes
                        .retain(|_, i| i.table != key || !i.columns.contains(column));
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
                    table.add(&it.table, &constraint, None);
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
                        for index in self.indexes.values_mut().filter(|i| i.table == key) {
                            index.table = name.key();
                        }
                    }
                }
                TableAction::AttachPartition { partition, default } => {
                    let partition = self.tables.entry(partition.key()).or_default();
                    partition.partition_of = Some(key.clone());
                    partition.default_partition = *default;
                    self.tables.entry(key.clone()).or_default().partitioned = true;
                }
                TableAction::DetachPartition { partition, .. } => {
                    self.tables.entry(partition.key()).or_default().partition_of = None;
                }
                _ => {}
            }
        }
    }
}
