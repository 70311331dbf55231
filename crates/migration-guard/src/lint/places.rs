use std::collections::HashMap;

use crate::lint::Unit;
use crate::sql::Statement;
use crate::sql::model::{Kind, Name};

/// Where a chain speaks of which table, so that no rule has to look through all of it.
#[derive(Debug, Default)]
pub(crate) struct Places {
    by_table: HashMap<String, Vec<Place>>,
    /// Statements that speak of all tables, or of none by name: ANALYZE, SELECT.
    everywhere: Vec<Place>,
}

/// The file's place in the chain, and the statement's in the file.
type Place = (usize, usize);

impl Places {
    pub(super) fn of(chain: &[Unit]) -> Self {
        let mut places = Self::default();
        for (file, unit) in chain.iter().enumerate() {
            for (index, statement) in unit.script.statements().iter().enumerate() {
                places.add((file, index), &statement.kind);
            }
        }
        places
    }

    fn add(&mut self, place: Place, kind: &Kind) {
        let names: &[Name] = match kind {
            Kind::CreateTable(it) => std::slice::from_ref(&it.table),
            Kind::AlterTable(it) => std::slice::from_ref(&it.table),
            Kind::CreateIndex(it) => std::slice::from_ref(&it.table),
            Kind::Update { table, .. } | Kind::Comment { table: Some(table) } => {
                std::slice::from_ref(table)
            }
            Kind::Drop(it) => &it.names,
            Kind::Analyze { tables } | Kind::Vacuum { tables, .. } if !tables.is_empty() => tables,
            Kind::Analyze { .. } | Kind::Vacuum { .. } | Kind::Select { .. } => {
                self.everywhere.push(place);
                return;
            }
            _ => return,
        };
        for name in names {
            self.by_table.entry(name.key()).or_default().push(place);
        }
    }

    /// The statements of `chain` about `table` between two places, the first of them not included.
    pub(super) fn about<'a>(
        &'a self,
        chain: &'a [Unit],
        table: &Name,
        after: Option<Place>,
        before: Option<Place>,
    ) -> impl DoubleEndedIterator<Item = &'a Statement> + use<'a> {
        let places = self.by_table.get(&table.key());
        between(places.map_or(&[], Vec::as_slice), chain, after, before)
    }

    /// The same of statements that name no table.
    pub(super) fn everywhere<'a>(
        &'a self,
        chain: &'a [Unit],
        after: Option<Place>,
        before: Option<Place>,
    ) -> impl DoubleEndedIterator<Item = &'a Statement> + use<'a> {
        between(&self.everywhere, chain, after, before)
    }
}

fn between<'a>(
    places: &'a [Place],
    chain: &'a [Unit],
    after: Option<Place>,
    before: Option<Place>,
) -> impl DoubleEndedIterator<Item = &'a Statement> + use<'a> {
    let from = after.map_or(0, |after| places.partition_point(|at| *at <= after));
    let until = before.map_or(places.len(), |before| {
        places.partition_point(|at| *at < before)
    });
    let places = places.get(from..until).unwrap_or_default();
    places
        .iter()
        .filter_map(|(file, index)| chain.get(*file)?.script.statements().get(*index))
}
