//! How each statement changes the replayed state.

use crate::lint::indexes::Index;
use crate::lint::{Effects, LockMode, State, Table, Within};
use crate::sql::model::{AlterDomain, AlterType, Kind, Name, Object};

impl State {
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
            Kind::Begin => self.begin_transaction(index),
            Kind::RollbackTo => {
                self.roll_back_temporaries();
                self.forget_new();
            }
            Kind::Commit => self.commit(),
            Kind::Rollback => self.roll_back(),
            Kind::Set { name, value, local } => self.set(name, value, *local),
            Kind::Reset { name } => self.reset(name),
            Kind::CreateTable(it) => self.create_table(it),
            Kind::CreateTableAs {
                table,
                if_not_exists,
                until_commit,
                with_data,
                ..
            } => {
                let certain = self.makes_certainly(table, *if_not_exists);
                if !(*until_commit && self.within() == Within::Nothing) {
                    self.create_filled(table, certain, *with_data, *until_commit);
                }
            }
            Kind::Select {
                into: Some(table), ..
            } => {
                let certain = self.makes_certainly(table, false);
                self.create_filled(table, certain, true, false);
            }
            Kind::CreateMaterializedView { name, .. } => {
                self.new_views.insert(name.key());
            }
            Kind::CreateIndex(it) => {
                if let Some(name) = &it.name {
                    self.indexes.insert(
                        name,
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
                if value.contains('\'') {
                    self.fresh_quoted.push(value.clone());
                }
                self.fresh_values.insert(value.clone());
            }
            Kind::AlterTable(it) => self.alter_table(it),
            Kind::Drop(it) => {
                for name in &it.names {
                    match it.object {
                        Object::Table => self.remove_table(&name.key()),
                        Object::Index => self.indexes.remove(name),
                        // What had its name before may have it again.
                        Object::Schema => self.forget_schema(&name.name),
                        _ => {}
                    }
                }
            }
            Kind::Rename {
                object: Object::Schema,
                from,
                to,
            } => {
                self.forget_schema(&from.name);
                self.forget_schema(to);
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

    fn create_filled(&mut self, table: &Name, certain: bool, filled: bool, until_commit: bool) {
        let made = Table {
            new: true,
            certain,
            until_commit,
            uncommitted: self.within() != Within::Nothing,
            filled,
            search_path: self.path_for(table),
            ..Table::default()
        };
        self.tables.insert(table.key(), made);
    }

    fn forget_schema(&mut self, schema: &str) {
        let prefix = format!("{schema}.");
        let all = self.tables.range(prefix.clone()..);
        let gone = all.take_while(|(key, _)| key.starts_with(&prefix));
        for key in gone.map(|(key, _)| key.clone()).collect::<Vec<String>>() {
            self.remove_table(&key);
        }
    }

    pub(super) fn remove_table(&mut self, key: &str) {
        if let Some(table) = self.tables.remove(key) {
            self.unlink_all(key, &table);
        }
        self.indexes.remove_of(key, None);
    }

    pub(super) fn path_for(&self, table: &Name) -> String {
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
                self.held.any = true;
                if *lock == LockMode::AccessExclusive {
                    let table = table.key();
                    self.held.first.get_or_insert_with(|| table.clone());
                    self.held.exclusively.insert(table);
                }
            }
        }
    }
}
