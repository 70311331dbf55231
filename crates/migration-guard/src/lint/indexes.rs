use std::collections::{BTreeMap, BTreeSet};

use crate::sql::model::Name;

/// The indexes that the replay knows, found by their own name and by their table's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Indexes {
    all: BTreeMap<Key, Index>,
    by_table: BTreeMap<String, BTreeSet<Key>>,
    /// By the table and the first column.
    by_leading: BTreeMap<(String, String), BTreeSet<Key>>,
}

/// The name and the schema, which is empty for `public` and for what is not qualified.
type Key = (String, String);

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
    pub(crate) unique: bool,
    pub(crate) partial: bool,
    /// `None` is the usual one, btree.
    pub(crate) method: Option<String>,
    /// Whether its build has ended well.
    pub(crate) valid: bool,
}

impl Indexes {
    /// An index is in the schema of its table.
    pub(super) fn insert(&mut self, name: &str, index: Index) {
        let schema = Name::of_key(&index.table).schema.unwrap_or_default();
        let key = (name.to_owned(), schema);
        self.remove_key(&key);
        let of = self.by_table.entry(index.table.clone()).or_default();
        of.insert(key.clone());
        let leading = self.by_leading.entry(leading(&index)).or_default();
        leading.insert(key.clone());
        self.all.insert(key, index);
    }

    /// The index that a name without a schema means.
    pub(crate) fn get(&self, name: &str) -> Option<&Index> {
        let key = self.any(name)?;
        self.all.get(key)
    }

    pub(crate) fn find(&self, name: &Name) -> Option<&Index> {
        match name.schema.as_deref() {
            None => self.get(&name.name),
            Some(_) => self.all.get(&exact(name)),
        }
    }

    pub(super) fn remove(&mut self, name: &Name) {
        let key = match name.schema {
            None => self.any(&name.name).cloned(),
            Some(_) => Some(exact(name)),
        };
        if let Some(key) = key {
            self.remove_key(&key);
        }
    }

    /// How many a table has.
    pub(crate) fn count_of(&self, table: &str) -> usize {
        self.by_table.get(table).map_or(0, BTreeSet::len)
    }

    /// Those of a table, by their names.
    pub(crate) fn of(&self, table: &str) -> impl Iterator<Item = (&str, &Index)> {
        let keys = self.by_table.get(table).into_iter().flatten();
        keys.filter_map(|key| Some((key.0.as_str(), self.all.get(key)?)))
    }

    /// Those of a table that begin with a column.
    pub(crate) fn leading(&self, table: &str, first: &str) -> impl Iterator<Item = (&str, &Index)> {
        let of = (table.to_owned(), first.to_owned());
        let keys = self.by_leading.get(&of).into_iter().flatten();
        keys.filter_map(|key| Some((key.0.as_str(), self.all.get(key)?)))
    }

    /// The table is gone, or its column, and they with it.
    pub(super) fn remove_of(&mut self, table: &str, column: Option<&str>) {
        let uses = |index: &Index| column.is_none_or(|c| index.columns.iter().any(|of| of == c));
        let Some(keys) = self.by_table.get(table) else {
            return;
        };
        let gone = keys
            .iter()
            .filter(|key| self.all.get(*key).is_some_and(uses));
        for key in gone.cloned().collect::<Vec<Key>>() {
            self.remove_key(&key);
        }
    }

    pub(super) fn rename_table(&mut self, from: &str, to: &str) {
        for key in self.by_table.get(from).cloned().unwrap_or_default() {
            if let Some(mut index) = self.remove_key(&key) {
                to.clone_into(&mut index.table);
                self.insert(&key.0, index);
            }
        }
    }

    fn any(&self, name: &str) -> Option<&Key> {
        let from = (name.to_owned(), String::new());
        let (key, _) = self.all.range(from..).next()?;
        (key.0 == name).then_some(key)
    }

    fn remove_key(&mut self, key: &Key) -> Option<Index> {
        let index = self.all.remove(key)?;
        let first = leading(&index);
        if let Some(of) = self.by_leading.get_mut(&first) {
            of.remove(key);
            if of.is_empty() {
                self.by_leading.remove(&first);
            }
        }
        if let Some(of) = self.by_table.get_mut(&index.table) {
            of.remove(key);
            if of.is_empty() {
                self.by_table.remove(&index.table);
            }
        }
        Some(index)
    }
}

fn leading(index: &Index) -> (String, String) {
    let first = index.columns.first().cloned().unwrap_or_default();
    (index.table.clone(), first)
}

fn exact(name: &Name) -> Key {
    let schema = name.schema.clone().filter(|s| s != "public");
    (name.name.clone(), schema.unwrap_or_default())
}
