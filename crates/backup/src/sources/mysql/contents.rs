//! The fingerprint of a dump, gathered from its statements and rows.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Depth, Rows, Sum};
use super::scanner::Refusal;
use super::statement::Object;
use super::table::Table;
use crate::{Fingerprint, SequenceState, TableContent};

/// What has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Contents {
    tables: BTreeMap<String, (Table, Sum)>,
    /// Everything else, by what it is called in a fingerprint.
    others: BTreeMap<String, BTreeSet<String>>,
    sequences: BTreeMap<String, SequenceState>,
}

impl Contents {
    pub(super) fn create_table(&mut self, name: String, table: Table) {
        self.tables.insert(name, (table, Sum::default()));
    }

    pub(super) fn create(&mut self, object: Object, name: &str, facts: BTreeSet<String>) {
        self.others.insert(called(object, name), facts);
    }

    pub(super) fn create_sequence(&mut self, name: &str, increment: i64, facts: BTreeSet<String>) {
        let state = SequenceState {
            last: None,
            increment,
            needed: None,
        };
        self.sequences.insert(name.to_owned(), state);
        self.create(Object::Sequence, name, facts);
    }

    pub(super) fn set_sequence(&mut self, name: &str, next: i64) -> Result<(), Refusal> {
        let Some(state) = self.sequences.get_mut(name) else {
            return Refusal::new("a value is set for a sequence that is not in the dump");
        };
        state.last = Some(next.saturating_sub(state.increment));
        Ok(())
    }

    /// Views stand in a dump as tables, or other views, until all that they need is there.
    pub(super) fn drop(&mut self, object: Object, name: &str) {
        if matches!(object, Object::Table | Object::View) {
            self.tables.remove(name);
            self.others.remove(&called(Object::View, name));
        }
    }

    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name).map(|(table, _)| table)
    }

    /// Begins to read rows of a table, given the columns that its `INSERT` names.
    pub(super) fn rows(&self, name: &str, columns: &[String], depth: Depth) -> Option<Rows> {
        let (table, sum) = self.tables.get(name)?;
        let columns = if columns.is_empty() {
            &table.columns
        } else {
            columns
        };
        let columns = columns.iter().map(String::as_str);
        Some(Rows::new(columns, table.counter.as_deref(), depth, *sum))
    }

    /// Takes what was read of a table.
    pub(super) fn settle(&mut self, name: &str, rows: &Rows) {
        if let Some((_, sum)) = self.tables.get_mut(name) {
            *sum = rows.table;
        }
    }

    /// Number of rows by table.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.tables.iter();
        counts
            .map(|(name, (_, sum))| (name.clone(), sum.rows))
            .collect()
    }

    /// Number of objects.
    pub(super) fn entries(&self) -> u64 {
        (self.tables.len() + self.others.len()) as u64
    }

    pub(super) fn into_fingerprint(self) -> Fingerprint {
        let mut fingerprint = Fingerprint {
            schema: self.others,
            sequences: self.sequences,
            ..Fingerprint::default()
        };
        for (name, (table, sum)) in self.tables {
            let content = TableContent {
                rows: sum.rows,
                hash: format!("xxh3:{:032x}", sum.hash),
            };
            if table.counter.is_some() {
                let state = SequenceState {
                    last: table.next.map(|next| next.saturating_sub(1)),
                    increment: 1,
                    needed: sum.furthest,
                };
                fingerprint
                    .sequences
                    .insert(format!("AUTO_INCREMENT of {name}"), state);
            }
            fingerprint
                .schema
                .insert(called(Object::Table, &name), table.facts);
            fingerprint.column_order.insert(name.clone(), table.columns);
            fingerprint.tables.insert(name, content);
        }
        fingerprint
    }
}

fn called(object: Object, name: &str) -> String {
    format!("{} {name}", object.word())
}
