use std::collections::{BTreeMap, BTreeSet};

use crate::sql::Script;
use crate::sql::model::{
    AlterTable, Column, Constraint, ConstraintKind, CreateTable, Kind, Name, Object,
    PartitionChange, TableAction,
};
use crate::sql::mysql::option_of;

/// The tables as far as the chain tells, with what only MySQL knows: indexes have their names
/// per table, columns their character sets, and names of columns have no case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    tables: BTreeMap<String, Table>,
    /// `SET foreign_key_checks = 0`.
    pub(crate) foreign_keys_unchecked: bool,
    /// `SET lock_wait_timeout = …`.
    pub(crate) waits_briefly: bool,
    /// The tables that this file gives a primary key with ALTER TABLE.
    keyed_later: BTreeSet<String>,
    /// Whether any table says what it is for.
    pub(crate) commented: bool,
    /// The statement of this file that changed the schema last, and how many did so far.
    changed: Option<(usize, usize)>,
    /// Whether this file has taken the metadata lock of a table that it did not make.
    pub(crate) waited: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Whether the chain made it, so that all of it is known.
    pub(crate) complete: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) primary_key: Option<Vec<String>>,
    pub(crate) foreign_keys: Vec<Option<String>>,
    pub(crate) engine: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) row_format: Option<String>,
    pub(crate) partitioned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: Option<String>,
    /// In lower case; a prefix with its length, an expression in parentheses.
    pub(crate) columns: Vec<String>,
    pub(crate) unique: bool,
    pub(crate) method: Option<String>,
}

impl Schema {
    pub(crate) fn table(&self, table: &Name) -> Option<&Table> {
        self.tables.get(&table.key())
    }

    pub(crate) fn column(&self, table: &Name, column: &str) -> Option<&Column> {
        self.table(table)?.column(column)
    }

    pub(crate) fn gets_key(&self, table: &Name) -> bool {
        self.keyed_later.contains(&table.key())
    }

    /// How many statements of this file before `index` have changed the schema.
    pub(crate) fn changes_before(&self, index: usize) -> usize {
        match self.changed {
            Some((last, count)) if last == index => count - 1,
            Some((_, count)) => count,
            None => 0,
        }
    }

    /// The statement at `index`, or a part of it, has run.
    pub(crate) fn apply(&mut self, kind: &Kind, index: usize, new: impl Fn(&Name) -> bool) {
        if commits(kind) {
            self.changed = Some((index, self.changes_before(index) + 1));
        }
        self.waited |= locked(kind).is_some_and(|table| !new(table));
        match kind {
            Kind::CreateTable(it) if !it.temporary => self.create(it),
            Kind::CreateTableAs {
                table,
                temporary: false,
                ..
            } => {
                self.tables.insert(table.key(), Table::default());
            }
            Kind::AlterTable(it) if it.object == Object::Table => self.alter(it),
            Kind::Drop(it) if it.object == Object::Table => {
                for name in &it.names {
                    self.tables.remove(&name.key());
                }
            }
            Kind::Set { name, value, .. } => match name.as_str() {
                "foreign_key_checks" => {
                    self.foreign_keys_unchecked = matches!(value.as_str(), "0" | "off" | "false");
                }
                "lock_wait_timeout" => self.waits_briefly = value != "default",
                _ => {}
            },
            _ => {}
        }
    }

    /// A new file is a new session.
    pub(crate) fn begin_unit(&mut self, script: &Script) {
        self.keyed_later = script
            .statements()
            .iter()
            .filter_map(|s| match &s.kind {
                Kind::AlterTable(it) if adds_key(it) => Some(it.table.key()),
                _ => None,
            })
            .collect();
        self.foreign_keys_unchecked = false;
        self.waits_briefly = false;
        self.changed = None;
        self.waited = false;
    }

    fn create(&mut self, it: &CreateTable) {
        let key = it.table.key();
        if it.if_not_exists && self.tables.contains_key(&key) {
            return;
        }
        let like = it.like.first().and_then(|l| self.tables.get(&l.key()));
        let mut table = match like {
            Some(like) => like.clone(),
            None => Table {
                complete: it.like.is_empty(),
                ..Table::default()
            },
        };
        for column in &it.columns {
            table.add_column(column);
        }
        for constraint in &it.constraints {
            table.add_constraint(constraint);
        }
        let option = |name| option_of(&it.options, name).map(str::to_owned);
        table.engine = option("engine").or(table.engine);
        table.charset = option("charset").or(table.charset);
        table.row_format = option("row_format").or(table.row_format);
        self.commented |= option("comment").is_some();
        table.partitioned |= it.partition_by.is_some();
        self.tables.insert(key, table);
    }

    fn alter(&mut self, it: &AlterTable) {
        let key = it.table.key();
        let table = self.tables.entry(key.clone()).or_default();
        let mut renamed = None;
        for action in &it.actions {
            if let TableAction::RenameTable { to } = action {
                renamed = Some(to.clone());
            }
            table.apply(action);
        }
        if let Some(to) = renamed
            && let Some(table) = self.tables.remove(&key)
        {
            self.tables.insert(to, table);
        }
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The indexes that `column` is part of, the primary key included.
    pub(crate) fn indexed(&self, column: &str) -> bool {
        let column = column.to_ascii_lowercase();
        let key = self.primary_key.iter().flatten();
        let mut all = self.indexes.iter().flat_map(|i| &i.columns).chain(key);
        all.any(|c| bare(c) == column)
    }

    /// The character set of a column, if it is said anywhere.
    pub(crate) fn charset_of(&self, column: &Column) -> Option<String> {
        charset(column).or_else(|| self.charset.clone())
    }

    fn apply(&mut self, action: &TableAction) {
        match action {
            TableAction::AddColumn { column, .. } => self.add_column(column),
            TableAction::DropColumn { column, .. } => self.drop_column(column),
            TableAction::RenameColumn { from, to } => self.rename_column(from, to),
            TableAction::RedefineColumn { from, column } => {
                let at = self
                    .columns
                    .iter()
                    .position(|c| c.name.eq_ignore_ascii_case(from));
                match at {
                    Some(at) => self.columns[at] = column.clone(),
                    None => self.columns.push(column.clone()),
                }
                self.rename_column(from, &column.name);
                for constraint in &column.constraints {
                    self.add_constraint(constraint);
                }
            }
            TableAction::AddConstraint(constraint) => self.add_constraint(constraint),
            TableAction::DropPrimaryKey => self.primary_key = None,
            TableAction::DropIndex { name, .. } => self.indexes.retain(|i| {
                !i.name
                    .as_ref()
                    .is_some_and(|n| n.eq_ignore_ascii_case(name))
            }),
            TableAction::RenameIndex { from, to } => {
                for index in &mut self.indexes {
                    if index
                        .name
                        .as_ref()
                        .is_some_and(|n| n.eq_ignore_ascii_case(from))
                    {
                        index.name = Some(to.clone());
                    }
                }
            }
            TableAction::DropConstraint { name, .. } => {
                self.foreign_keys
                    .retain(|k| k.as_ref().is_none_or(|n| !n.eq_ignore_ascii_case(name)));
            }
            TableAction::Setting { name, value } => match name.as_str() {
                "engine" => self.engine = Some(value.clone()),
                "charset" => self.charset = Some(value.clone()),
                "row_format" => self.row_format = Some(value.clone()),
                _ => {}
            },
            TableAction::ConvertCharset { to } => {
                self.charset = Some(to.clone());
                for column in &mut self.columns {
                    column.constraints.retain(|c| {
                        !matches!(
                            c.kind,
                            ConstraintKind::Charset(_) | ConstraintKind::Collate(_)
                        )
                    });
                }
            }
            TableAction::Partitions { change, .. } => match change {
                PartitionChange::Introduce => self.partitioned = true,
                PartitionChange::Remove => self.partitioned = false,
                _ => {}
            },
            _ => {}
        }
    }

    fn add_column(&mut self, column: &Column) {
        self.columns.push(column.clone());
        for constraint in &column.constraints {
            self.add_constraint(constraint);
        }
    }

    /// A column leaves its indexes, and an index without columns is gone.
    fn drop_column(&mut self, column: &str) {
        let column = column.to_ascii_lowercase();
        self.columns
            .retain(|c| !c.name.eq_ignore_ascii_case(&column));
        for index in &mut self.indexes {
            index.columns.retain(|c| bare(c) != column);
        }
        self.indexes.retain(|i| !i.columns.is_empty());
        if let Some(key) = &mut self.primary_key {
            key.retain(|c| *c != column);
            if key.is_empty() {
                self.primary_key = None;
            }
        }
    }

    fn rename_column(&mut self, from: &str, to: &str) {
        let (old, new) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
        for column in &mut self.columns {
            if column.name.eq_ignore_ascii_case(from) {
                to.clone_into(&mut column.name);
            }
        }
        let key = self.primary_key.iter_mut().flatten();
        let all = self.indexes.iter_mut().flat_map(|i| &mut i.columns);
        for column in all.chain(key) {
            if *column == old {
                column.clone_from(&new);
            }
        }
    }

    fn add_constraint(&mut self, constraint: &Constraint) {
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } => self.primary_key = Some(lower(columns)),
            ConstraintKind::ForeignKey(_) => self.foreign_keys.push(constraint.name.clone()),
            _ => self.indexes.extend(index(constraint)),
        }
    }
}

/// Whether the statement gives its table a primary key.
pub(super) fn adds_key(it: &AlterTable) -> bool {
    let is_key = |k: &ConstraintKind| matches!(k, ConstraintKind::PrimaryKey { .. });
    it.actions.iter().any(|action| match action {
        TableAction::AddConstraint(c) => is_key(&c.kind),
        TableAction::AddColumn { column, .. } | TableAction::RedefineColumn { column, .. } => {
            column.has(is_key)
        }
        _ => false,
    })
}

/// What commits the open transaction, whatever becomes of it.
pub(super) fn commits(kind: &Kind) -> bool {
    matches!(kind, Kind::Truncate { .. }) || kind.changes_schema()
}

/// The table whose metadata lock the statement takes.
pub(super) fn locked(kind: &Kind) -> Option<&Name> {
    match kind {
        Kind::AlterTable(it) if it.object == Object::Table => Some(&it.table),
        Kind::Drop(it) if it.object == Object::Table => it.names.first(),
        Kind::Truncate { tables, .. } | Kind::OptimizeTable { tables } => tables.first(),
        Kind::CreateTrigger { table, .. } => Some(table),
        _ => None,
    }
}

/// The index that a constraint makes, the primary key left out.
pub(super) fn index(constraint: &Constraint) -> Option<Index> {
    let (columns, unique, method) = match &constraint.kind {
        ConstraintKind::Unique { columns, .. } => (columns, true, None),
        ConstraintKind::Index { columns, method } => (columns, false, method.clone()),
        _ => return None,
    };
    Some(Index {
        name: constraint.name.clone(),
        columns: lower(columns),
        unique,
        method,
    })
}

fn lower(columns: &[String]) -> Vec<String> {
    columns.iter().map(|c| c.to_ascii_lowercase()).collect()
}

/// The column of `name(10)`; nothing for an expression.
fn bare(part: &str) -> &str {
    part.split('(').next().unwrap_or_default()
}

/// The character set that a column names, itself or by its collation.
pub(super) fn charset(column: &Column) -> Option<String> {
    let named = column.constraints.iter().find_map(|c| match &c.kind {
        ConstraintKind::Charset(name) => Some(name.clone()),
        _ => None,
    });
    named.or_else(|| {
        column.constraints.iter().find_map(|c| match &c.kind {
            ConstraintKind::Collate(name) => name.split('_').next().map(str::to_owned),
            _ => None,
        })
    })
}

pub(super) fn collation(column: &Column) -> Option<&str> {
    column.constraints.iter().find_map(|c| match &c.kind {
        ConstraintKind::Collate(name) => Some(name.as_str()),
        _ => None,
    })
}

pub(super) fn members(column: &Column) -> Option<&[String]> {
    column.constraints.iter().find_map(|c| match &c.kind {
        ConstraintKind::Members(members) => Some(members.as_slice()),
        _ => None,
    })
}
