//! The functions and procedures that a chain defines: what they do counts where they are called.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::sql::model::Kind;
use crate::sql::plpgsql::{Block, routine};

/// The routines by name. Overloads are not told apart: a call may mean any of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routines {
    by_name: BTreeMap<String, Vec<Routine>>,
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
        for name in names(kind) {
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
        if let Kind::Do { body, .. } = kind {
            for inner in body {
                self.collect(&inner.kind, found);
            }
        }
    }
}

/// What `kind` calls by name.
pub(super) fn names(kind: &Kind) -> impl Iterator<Item = &str> {
    let (one, many) = match kind {
        Kind::Call { name } => (Some(name.name.as_str()), &[][..]),
        Kind::Select { functions, .. } => (None, functions.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().map(String::as_str))
}
