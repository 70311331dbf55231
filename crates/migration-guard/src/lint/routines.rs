//! The functions and procedures that a chain defines: what they do counts where they are called.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::sql::model::{Fires, Kind, Name};
use crate::sql::plpgsql::{Block, routine};

/// The routines by name. Overloads are not told apart: a call may mean any of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routines {
    by_name: BTreeMap<String, Vec<Routine>>,
    /// What the chain's triggers and rules do when rows of a table change, by its key.
    fired: BTreeMap<String, Vec<Fires>>,
}

#[derive(Clone, Debug)]
struct Routine {
    text: Arc<str>,
    /// Read when it is first called: most never are.
    block: OnceLock<Arc<Block>>,
}

impl Routines {
    /// `text` defines `name`; ALTER FUNCTION, which looks the same to rules, does not.
    pub(super) fn define(&mut self, name: &str, text: &str) {
        let create = text.get(..6).unwrap_or_default();
        if !create.eq_ignore_ascii_case("create") {
            return;
        }
        self.by_name
            .entry(name.to_owned())
            .or_default()
            .push(Routine {
                text: text.into(),
                block: OnceLock::new(),
            });
    }

    /// A trigger or a rule of `table`, whose CREATE is `text`.
    pub(super) fn watch(&mut self, table: &Name, fires: &Fires, text: &str) {
        let mut fires = fires.clone();
        if fires.function.is_none() {
            // No function can have this name.
            let name = format!("rule {} on {}", fires.name, table.key());
            self.define(&name, text);
            fires.function = Some(name);
        }
        let of = self.fired.entry(table.key()).or_default();
        of.retain(|other| other.name != fires.name);
        of.push(fires);
    }

    /// The trigger or rule was dropped.
    pub(super) fn unwatch(&mut self, table: &Name, names: &[Name]) {
        if let Some(of) = self.fired.get_mut(&table.key()) {
            of.retain(|fires| !names.iter().any(|n| n.name == fires.name));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(crate) fn defines(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The bodies that `kind` runs by calling them, and those that they call, each once.
    pub(super) fn called(&self, kind: &Kind) -> Vec<(String, Arc<Block>)> {
        let mut found = Vec::new();
        if !self.by_name.is_empty() {
            self.collect(kind, &mut found);
        }
        found
    }

    fn collect(&self, kind: &Kind, found: &mut Vec<(String, Arc<Block>)>) {
        for name in self.names(kind) {
            if found.iter().any(|(known, _)| known == name) {
                continue;
            }
            for it in self.by_name.get(name).into_iter().flatten() {
                let block = it.block.get_or_init(|| Arc::new(routine(&it.text)));
                found.push((name.to_owned(), Arc::clone(block)));
                for inner in &block.body {
                    self.collect(&inner.kind, found);
                }
            }
        }
        match kind {
            Kind::Do { body, .. } => {
                for inner in body {
                    self.collect(&inner.kind, found);
                }
            }
            Kind::Select { writes: kinds, .. } | Kind::Several(kinds) => {
                for kind in kinds {
                    self.collect(kind, found);
                }
            }
            _ => {}
        }
    }

    /// What `kind` calls by name, or makes a trigger or a rule do.
    pub(super) fn names<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a str> {
        let (one, many) = match kind {
            Kind::Call { name } => (Some(name.name.as_str()), &[][..]),
            Kind::Select { functions, .. } => (None, functions.as_slice()),
            _ => (None, &[][..]),
        };
        let called = one.into_iter().chain(many.iter().map(String::as_str));
        let fired = if self.fired.is_empty() {
            Vec::new()
        } else {
            changed(kind)
        };
        called.chain(fired.into_iter().flat_map(|(table, events)| {
            let of = self.fired.get(&table.key()).into_iter().flatten();
            of.filter(|fires| fires.on.iter().any(|on| events.contains(&on.as_str())))
                .filter_map(|fires| fires.function.as_deref())
        }))
    }
}

/// The tables whose rows `kind` changes, and how.
fn changed(kind: &Kind) -> Vec<(&Name, &'static [&'static str])> {
    match kind {
        // ON CONFLICT DO UPDATE is an INSERT, too.
        Kind::Insert { table, .. } => vec![(table, &["insert", "update"])],
        Kind::Copy {
            table: Some(table),
            into: true,
        } => vec![(table, &["insert"])],
        Kind::Update { table, .. } => vec![(table, &["update"])],
        Kind::Delete { table, .. } => vec![(table, &["delete"])],
        Kind::Merge { table } => vec![(table, &["insert", "update", "delete"])],
        Kind::Truncate { tables, .. } => tables.iter().map(|t| (t, &["truncate"][..])).collect(),
        _ => Vec::new(),
    }
}
