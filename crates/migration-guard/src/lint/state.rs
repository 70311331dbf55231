use std::collections::{BTreeMap, BTreeSet};

use crate::lint::Dialect;
use crate::lint::indexes::Indexes;
use crate::lint::routines::Routines;
use crate::sql::model::{Column, ConstraintKind, Name, Type};

/// What the chain has done so far: replayed, so that a rule knows what is new, what is known
/// and what is locked.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) dialect: Dialect,
    /// Whether the statement at hand may not run, or what it does may be taken back, without anything
    /// else failing.
    pub(crate) conditional: bool,
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) indexes: Indexes,
    pub(crate) constrained: Constrained,
    /// For each table its partitions and the tables that inherit from it.
    parts: BTreeMap<String, BTreeSet<String>>,
    /// Those of the partitions that take what no other takes.
    defaults: BTreeMap<String, String>,
    /// Enum types that the chain made.
    pub(crate) new_types: BTreeSet<String>,
    /// Domains that the chain made or constrained, by their bare name: a column of one is checked
    /// row by row.
    pub(crate) constrained_domains: BTreeSet<String>,
    /// Materialized views that the chain made.
    pub(crate) new_views: BTreeSet<String>,
    /// Enum values that were added in the open transaction.
    pub(crate) fresh_values: BTreeSet<String>,
    /// Those of them that have a quote in them.
    pub(crate) fresh_quoted: Vec<String>,
    pub(crate) in_transaction: bool,
    /// Nobody knows whether the file runs in one transaction, and nothing in it speaks against it.
    pub(crate) perhaps_in_transaction: bool,
    /// As the file set it; empty for the session's own.
    pub(crate) search_path: String,
    /// What it is again when SET LOCAL ends, and what it was when the transaction began.
    pub(crate) path_of_session: String,
    pub(crate) path_at_begin: String,
    /// Whether the file itself said BEGIN.
    pub(crate) opened: Option<usize>,
    pub(crate) lock_timeout: Timeout,
    pub(crate) statement_timeout: Timeout,
    /// What the two are again when SET LOCAL ends, and what they were when the transaction began.
    pub(crate) of_session: (Timeout, Timeout),
    pub(crate) at_begin: (Timeout, Timeout),
    /// Strong locks on existing tables that the open transaction holds.
    pub(crate) held: Held,
    /// Tables that this file has altered so far, with the number of ALTER TABLE statements.
    pub(crate) altered: BTreeMap<String, usize>,
    /// NOT VALID constraints that this transaction added: table and constraint.
    pub(crate) unvalidated: BTreeSet<(String, String)>,
    /// What ran in this file so far.
    pub(crate) seen: Seen,
    /// Tables that were handed to an extension, each with the function that did it.
    pub(crate) managed: BTreeMap<String, String>,
    /// For each table in use: the files that locked it exclusively, by their number in the chain.
    pub(crate) locked_in: BTreeMap<String, Vec<usize>>,
    /// The number of the file.
    pub(crate) unit: usize,
    /// Functions and procedures that the chain defined, by their name without the schema.
    pub(crate) routines: Routines,
    /// Whether it began with a snapshot of the database, so that a table that is not known is not there.
    pub(crate) live: bool,
    /// Views of the snapshot, by the key of each table that they read: the view, and the column.
    pub(crate) views: BTreeMap<String, Vec<(String, Option<String>)>>,
    /// The keys of all else of the snapshot that ALTER TABLE accepts.
    pub(crate) relations: BTreeSet<String>,
    /// Whether something ran that may have made anything.
    pub(crate) blind: bool,
}

/// Which tables had a constraint of a name; whether they still have, they tell themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constrained(BTreeMap<String, BTreeSet<String>>);

impl Constrained {
    pub(super) fn add(&mut self, name: &str, table: &str) {
        let tables = self.0.entry(name.to_owned()).or_default();
        tables.insert(table.to_owned());
    }
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

#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// Whether there is a lock at which writers wait.
    pub(crate) any: bool,
    /// The table that was locked exclusively first.
    pub(crate) first: Option<String>,
    pub(crate) exclusively: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Made by this chain.
    pub(crate) new: bool,
    /// Made without IF NOT EXISTS and without a condition, or known to have been absent.
    pub(crate) certain: bool,
    /// A temporary table that ends with its transaction.
    pub(crate) until_commit: bool,
    /// Made in the transaction that is open.
    pub(crate) uncommitted: bool,
    /// The search path under which it was made, if its name was not qualified.
    pub(crate) search_path: String,
    /// New, and filled since by more than single rows: by a query, by a partition or a child that
    /// brought its own.
    pub(crate) filled: bool,
    /// Has rows that this chain put there.
    pub(crate) rows: bool,
    pub(crate) columns: BTreeMap<String, ColumnState>,
    /// Named constraints that the chain added.
    pub(crate) constraints: BTreeMap<String, ConstraintState>,
    /// Whether the whole column list is known.
    pub(crate) complete: bool,
    /// In the database already, as a snapshot shows it.
    pub(crate) live: bool,
    /// The columns of each constraint of the snapshot, checks included.
    pub(crate) uses: BTreeMap<String, Vec<String>>,
    pub(crate) primary_key: Option<Vec<String>>,
    pub(crate) partitioned: bool,
    pub(crate) partition_of: Option<String>,
    /// The tables that it inherits from.
    pub(crate) inherits: Vec<String>,
    /// Takes the rows that no other partition takes.
    pub(crate) default_partition: bool,
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

/// Whether several statements share one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    Nothing,
    Perhaps,
    Transaction,
}

impl State {
    pub(crate) fn within(&self) -> Within {
        if self.in_transaction {
            Within::Transaction
        } else if self.perhaps_in_transaction {
            Within::Perhaps
        } else {
            Within::Nothing
        }
    }

    /// Whether no running release can depend on `table` and it has no rows that matter. What was made
    /// with `IF NOT EXISTS` or under a condition may have been there before.
    pub(crate) fn is_new(&self, table: &Name) -> bool {
        table.is_temporary()
            || self
                .in_sight(table)
                .is_some_and(|t| t.new && t.certain && !t.filled)
    }

    /// Whether the chain certainly made `table` itself.
    pub(crate) fn made(&self, table: &Name) -> bool {
        table.is_temporary() || self.in_sight(table).is_some_and(|t| t.new && t.certain)
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

    /// How many files before this one locked `table` exclusively, and whether this one did already.
    pub(crate) fn locked_in_files(&self, table: &Name) -> Option<(usize, bool)> {
        let files = self.locked_in.get(&table.key())?;
        let now = files.last() == Some(&self.unit);
        Some((files.len() - usize::from(now), now))
    }

    /// The partitions of `table` that the chain knows, those below them included.
    pub(crate) fn partitions(&self, table: &Name) -> Vec<Name> {
        self.below(table, |part, of| part.partition_of.as_ref() == Some(of))
    }

    /// The same, and the tables that inherit from it.
    pub(crate) fn parts(&self, table: &Name) -> Vec<Name> {
        self.below(table, |_, _| true)
    }

    fn below(&self, table: &Name, wanted: impl Fn(&Table, &String) -> bool) -> Vec<Name> {
        let mut found: Vec<String> = vec![table.key()];
        let mut seen = BTreeSet::new();
        let mut at = 0;
        while let Some(parent) = found.get(at).cloned() {
            for part in self.parts.get(&parent).into_iter().flatten() {
                let known = self.tables.get(part).is_some_and(|t| wanted(t, &parent));
                if known && *part != found[0] && seen.insert(part) {
                    found.push(part.clone());
                }
            }
            at += 1;
        }
        found.iter().skip(1).map(|key| Name::of_key(key)).collect()
    }

    pub(crate) fn default_partition(&self, parent: &Name) -> Option<Name> {
        let default = self.defaults.get(&parent.key())?;
        Some(Name::of_key(default))
    }

    /// `part` is a partition of `parent`, or inherits from it.
    pub(super) fn link(&mut self, part: &str, parent: &str, default: bool) {
        let parts = self.parts.entry(parent.to_owned()).or_default();
        parts.insert(part.to_owned());
        if default {
            self.defaults.insert(parent.to_owned(), part.to_owned());
        }
    }

    pub(super) fn unlink(&mut self, part: &str, parent: &str) {
        if let Some(parts) = self.parts.get_mut(parent) {
            parts.remove(part);
        }
        if self.defaults.get(parent).is_some_and(|d| d == part) {
            self.defaults.remove(parent);
        }
    }

    /// The parts of a table that has another name from now on.
    pub(super) fn parts_of_renamed(&mut self, table: &str) -> BTreeSet<String> {
        self.defaults.remove(table);
        self.parts.remove(table).unwrap_or_default()
    }

    /// The table is gone, or has another name.
    pub(super) fn unlink_all(&mut self, part: &str, table: &Table) {
        for parent in table.partition_of.iter().chain(&table.inherits) {
            self.unlink(part, parent);
        }
    }

    /// The tables that have a constraint of this name, by their keys.
    pub(crate) fn constrained_by(
        &self,
        name: &str,
    ) -> impl Iterator<Item = (&str, &ConstraintState)> {
        let tables = self.constrained.0.get(name).into_iter().flatten();
        tables.filter_map(move |key| {
            let constraint = self.tables.get(key)?.constraints.get(name)?;
            Some((key.as_str(), constraint))
        })
    }

    /// The tables with a foreign key to `table`, itself left out.
    pub(crate) fn referencing(&self, table: &Name) -> Vec<Name> {
        let key = table.key();
        let refers = |t: &Table| t.referenced.iter().any(|r| r.key() == key);
        self.tables
            .iter()
            .filter(|(other, t)| **other != key && refers(t))
            .map(|(other, _)| Name::of_key(other))
            .collect()
    }

    /// The tables with a column of this type.
    pub(crate) fn using_type(&self, ty: &Name) -> Vec<Name> {
        let uses = |t: &Table| {
            let mut types = t.columns.values().filter_map(|c| c.ty.as_ref());
            types.any(|of| of.name.rsplit('.').next() == Some(ty.name.as_str()))
        };
        self.tables
            .iter()
            .filter(|(_, t)| uses(t))
            .map(|(key, _)| Name::of_key(key))
            .collect()
    }

    pub(crate) fn column(&self, table: &Name, column: &str) -> Option<&ColumnState> {
        self.table(table)?.columns.get(column)
    }

    /// Whether there is no such table, as far as a snapshot and the chain tell.
    pub(crate) fn is_absent(&self, table: &Name) -> bool {
        let key = table.key();
        let in_path = table.schema.is_some() || self.search_path.is_empty();
        let known = self.tables.contains_key(&key) || self.relations.contains(&key);
        self.live && !self.blind && in_path && !known
    }

    /// The views of the snapshot that read `table`, or only those that read `column` of it.
    pub(crate) fn views_of(&self, table: &Name, column: Option<&str>) -> Vec<&str> {
        let all = self.views.get(&table.key()).into_iter().flatten();
        let read = |used: &Option<String>| column.is_none() || used.as_deref() == column;
        let mut names: Vec<&str> = all
            .filter(|(_, used)| read(used))
            .map(|(view, _)| view.as_str())
            .collect();
        names.dedup();
        names
    }

    /// Foreign keys of other tables to `table`, or only those to `column` of it: the table and the name.
    pub(crate) fn keys_to(&self, table: &Name, column: Option<&str>) -> Vec<(Name, &str)> {
        let key = table.key();
        let mut found = Vec::new();
        if !self.live {
            return found;
        }
        for (other, known) in self
            .tables
            .iter()
            .filter(|(other, t)| **other != key && t.live)
        {
            for (name, constraint) in &known.constraints {
                if let ConstraintKind::ForeignKey(to) = &constraint.kind
                    && to.table.key() == key
                    && column.is_none_or(|c| to.to.iter().any(|t| t == c))
                {
                    found.push((Name::of_key(other), name.as_str()));
                }
            }
        }
        found
    }

    /// Whether an index on a new table is meant, so that dropping or building it hurts nobody.
    pub(crate) fn is_index_of_new(&self, index: &Name) -> bool {
        let known = self.indexes.find(index);
        known.is_some_and(|i| self.is_new(&Name::of_key(&i.table)))
    }

    pub(crate) fn is_indexed(&self, table: &Name, column: &str) -> bool {
        let key = table.key();
        let mut indexes = self.indexes.of(&key);
        indexes.any(|(_, i)| i.columns.iter().any(|c| c == column))
    }

    /// Whether a valid CHECK may say what ATTACH PARTITION would have to find out by reading.
    pub(crate) fn proves_bounds(&self, partition: &Name) -> bool {
        self.table(partition).is_some_and(|t| {
            let mut all = t.constraints.values();
            all.any(|c| c.valid && matches!(c.kind, ConstraintKind::Check(_)))
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
    /// `new` is whether it was certainly not there before.
    pub(crate) fn of(column: &Column, new: bool) -> Self {
        Self {
            ty: Some(column.ty.clone()),
            not_null: column.not_null(),
            new,
            default: column.default().is_some(),
            checked: column.has(|k| matches!(k, ConstraintKind::Check(_))),
        }
    }
}
