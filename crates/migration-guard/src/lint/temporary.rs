//! Temporary tables: each session has its own, they go with it, and they come before all others of
//! their name.

use std::borrow::Cow;
use std::ops::Bound;

use crate::lint::{Dialect, State, Table};
use crate::sql::model::{Kind, Name, Object, TEMPORARY};

impl State {
    /// The statement with the temporary tables that it means named as such.
    pub(crate) fn resolved<'a>(&self, kind: &'a Kind) -> Cow<'a, Kind> {
        let makes = match kind {
            Kind::CreateTable(it) => it.temporary,
            Kind::CreateTableAs { temporary, .. } => *temporary,
            _ => false,
        };
        if !makes && self.temporaries().next().is_none() {
            return Cow::Borrowed(kind);
        }
        let mut resolved = kind.clone();
        match &mut resolved {
            Kind::CreateTable(it) if it.temporary => it.table = self.temporary(&it.table),
            Kind::CreateTableAs {
                table, temporary, ..
            } if *temporary => *table = self.temporary(table),
            _ => {}
        }
        resolved.for_each_table(&mut |name| {
            if self.means_temporary(name) {
                *name = self.temporary(name);
            }
        });
        resolved.for_each_index(&mut |name| {
            let temporary = Name::temporary(&name.name);
            if name.schema.is_none() && self.indexes.find(&temporary).is_some() {
                *name = temporary;
            }
        });
        Cow::Owned(resolved)
    }

    fn temporary(&self, name: &Name) -> Name {
        if name.is_temporary() {
            return name.clone();
        }
        match self.dialect {
            Dialect::Postgres => Name::temporary(&name.name),
            // There a temporary table is in a database, and hides the table of that name in it.
            Dialect::MySql => Name::temporary(name.key()),
        }
    }

    fn means_temporary(&self, name: &Name) -> bool {
        if name.is_temporary() || self.dialect == Dialect::Postgres && name.schema.is_some() {
            return false;
        }
        let known = self.table(&self.temporary(name));
        known.is_some_and(|table| table.certain) && self.finds_temporary_first(name, known)
    }

    fn finds_temporary_first(&self, name: &Name, known: Option<&Table>) -> bool {
        match self.dialect {
            // Unless the path itself says where they come.
            Dialect::Postgres => {
                let mut path = self.search_path.split(',').map(str::trim);
                path.next()
                    .is_some_and(|first| first.trim_matches('"') == TEMPORARY)
                    || !self.search_path.contains(TEMPORARY)
            }
            // Of another database since.
            Dialect::MySql => {
                name.schema.is_some() || known.is_some_and(|t| t.search_path == self.search_path)
            }
        }
    }

    fn temporaries(&self) -> impl Iterator<Item = (&String, &Table)> {
        let from = format!("{TEMPORARY}.");
        // The next character after the dot.
        let until = format!("{TEMPORARY}/");
        let range = (Bound::Included(from), Bound::Excluded(until));
        self.tables.range::<String, _>(range)
    }

    fn end_temporaries(&mut self, which: impl Fn(&Table) -> bool) {
        let gone = self.temporaries().filter(|(_, table)| which(table));
        for key in gone.map(|(key, _)| key.clone()).collect::<Vec<String>>() {
            self.remove_table(&key);
        }
    }

    /// The session is over.
    pub(super) fn discard_temporaries(&mut self) {
        self.end_temporaries(|_| true);
    }

    pub(super) fn commit_temporaries(&mut self) {
        self.end_temporaries(|table| table.until_commit);
        let keys: Vec<String> = self.temporaries().map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some(table) = self.tables.get_mut(&key) {
                table.uncommitted = false;
            }
        }
    }

    /// What was made is made no more. One that was dropped is there again; that it is not known
    /// only means that its name is taken for the other table's.
    pub(super) fn roll_back_temporaries(&mut self) {
        self.end_temporaries(|table| table.uncommitted || table.until_commit);
    }
}

impl Kind {
    /// Whether it drops temporary tables and nothing else.
    pub(crate) fn drops_temporaries(&self) -> bool {
        match self {
            Self::Drop(it) => it.object == Object::Table && it.names.iter().all(Name::is_temporary),
            _ => false,
        }
    }
}
