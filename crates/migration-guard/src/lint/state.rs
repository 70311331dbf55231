use std::collections::{BTreeMap, BTreeSet};

use crate::lint::LockMode;
use crate::sql::model::{Column, ConstraintKind, Name, Type};

/// What the chain has done so far: replayed, so that a rule knows what is new, what is known
/// and what is locked.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) indexes: BTreeMap<String, Index>,
    /// Enum types that the chain made.
    pub(crate) new_types: BTreeSet<String>,
    /// Materialized views that the chain made.
    pub(crate) new_views: BTreeSet<String>,
    /// Enum values that were added in the open transaction.
    pub(crate) fresh_values: Vec<String>,
    pub(crate) in_transaction: bool,
    /// As the file set it; empty for the session's own.
    pub(crate) search_path: String,
    /// Whether the file itself said BEGIN.
    pub(crate) opened: Option<usize>,
    pub(crate) lock_timeout: Timeout,
    pub(crate) statement_timeout: Timeout,
    /// Strong locks on existing tables that the open transaction holds.
    pub(crate) held: Vec<Held>,
    /// Tables that this file has altered so far, with the number of ALTER TABLE statements.
    pub(crate) altered: BTreeMap<String, usize>,
    /// NOT VALID constraints that this transaction added: table and constraint.
    pub(crate) unvalidated: Vec<(String, String)>,
    /// What ran in this file so far.
    pub(crate) seen: Seen,
}

/// What ran in this file so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) schema_change: bool,
    pub(crate) transactional: bool,
    pub(crate) non_transactional: bool,
}

/// The effective value of a timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Timeout {
    #[default]
    Unset,
    Off,
    /// Milliseconds.
    Set(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) table: String,
    pub(crate) lock: LockMode,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Made by this chain.
    pub(crate) new: bool,
    /// Made without IF NOT EXISTS.
    pub(crate) certain: bool,
    /// The search path under which it was made, if its name was not qualified.
    pub(crate) search_path: String,
    /// New, and filled by more than single rows since.
    pub(crate) filled: bool,
    pub(crate) columns: BTreeMap<String, ColumnState>,
    /// Named constraints that the chain added.
    pub(crate) constraints: BTreeMap<String, ConstraintState>,
    /// Whether the chain made the whole column list known.
    pub(crate) complete: bool,
    pub(crate) primary_key: Option<Vec<String>>,
    pub(crate) partitioned: bool,
    pub(crate) partition_of: Option<String>,
    pub(crate) referenced: Vec<Name>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnState {
    pub(crate) ty: Option<Type>,
    pub(crate) not_null: bool,
    pub(crate) new: bool,
    pub(crate) default: bool,
    /// Whether a CHECK mentions it.
    pub(crate) checked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ConstraintState {
    pub(crate) kind: ConstraintKind,
    pub(crate) valid: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
    pub(crate) unique: bool,
    pub(crate) partial: bool,
}

impl State {
    /// Whether no running release can depend on `table`, as far as the files tell: with
    /// `IF NOT EXISTS` it may have been there, which only matters where data is at stake.
    pub(crate) fn is_new(&self, table: &Name) -> bool {
        self.in_sight(table).is_some_and(|t| t.new && !t.filled)
    }

    /// Whether the chain certainly made `table` itself.
    pub(crate) fn made(&self, table: &Name) -> bool {
        self.in_sight(table).is_some_and(|t| t.new && t.certain)
    }

    /// The table, unless the search path has changed since and another one may be meant.
    fn in_sight(&self, table: &Name) -> Option<&Table> {
        let path = match table.schema {
            None => self.search_path.as_str(),
            Some(_) => "",
        };
        self.tables
            .get(&table.key())
            .filter(|t| t.search_path == path || table.key().contains('.'))
    }

    /// A transaction was rolled back: what it made is gone, and what had the name before it is
    /// what later statements mean.
    pub(crate) fn forget_new(&mut self) {
        for table in self.tables.values_mut() {
            table.new = false;
            for column in table.columns.values_mut() {
                column.new = false;
            }
        }
        self.new_types.clear();
        self.new_views.clear();
    }

    pub(crate) fn table(&self, table: &Name) -> Option<&Table> {
        self.tables.get(&table.key())
    }

    pub(crate) fn column(&self, table: &Name, column: &str) -> Option<&ColumnState> {
        self.table(table)?.columns.get(column)
    }

    /// Whether an index on a new table is meant, so that dropping or building it hurts nobody.
    pub(crate) fn is_index_of_new(&self, index: &str) -> bool {
        self.indexes.get(index).is_some_and(|i| {
            self.tables
                .get(&i.table)
                .is_some_and(|t| t.new && !t.filled)
        })
    }

    /// Whether a valid CHECK (column IS NOT NULL) exists, so that SET NOT NULL need not scan.
    pub(crate) fn proves_not_null(&self, table: &Name, column: &str) -> bool {
        self.table(table).is_some_and(|t| {
            t.constraints.values().any(|c| {
                c.valid
                    && match &c.kind {
                        ConstraintKind::Check(expr) => expr.not_null_of.as_deref() == Some(column),
                        ConstraintKind::NotNull { column: of } => of.as_deref() == Some(column),
                        _ => false,
                    }
            })
        })
    }
}

impl ColumnState {
    pub(crate) fn of(column: &Column) -> Self {
        Self {
            ty: Some(column.ty.clone()),
            not_null: column.not_null(),
            new: true,
            default: column.default().is_some(),
            checked: column.has(|k| matches!(k, ConstraintKind::Check(_))),
        }
    }
}
