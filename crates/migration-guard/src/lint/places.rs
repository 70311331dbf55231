use std::collections::HashMap;

use crate::lint::Unit;
use crate::sql::model::{Column, ConstraintKind, Kind, Name, Object, TableAction};

/// Where a chain says what of which table, so that no rule has to look through all of it, or through
/// all that it says of one table.
#[derive(Debug, Default)]
pub(crate) struct Places {
    by_topic: HashMap<String, HashMap<Topic, Vec<Place>>>,
    /// Of statements that name no table.
    everywhere: HashMap<Topic, Vec<Place>>,
}

/// The file's place in the chain, and the statement's in the file.
pub(crate) type Place = (usize, usize);

/// What a statement does to a table that a rule may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// CREATE TABLE without IF NOT EXISTS.
    Creates,
    DropsTable,
    /// Of an index, by its bare name.
    DropsIndex,
    AddsPrimaryKey,
    DropsConstraintIfExists,
    Validates(String),
    /// An index that leads with these columns, in alphabetical order.
    Indexes(Vec<String>),
    Analyzes,
    Vacuums,
    Updates(String),
    /// A comment on any column, that is not taken away.
    Comments,
    /// A comment on this column, or its end.
    CommentsColumn(String),
    /// A call of setval.
    SetsSequence,
    /// A limit for idle transactions.
    LimitsIdle,
}

impl Places {
    pub(super) fn of(chain: &[Unit]) -> Self {
        let mut places = Self::default();
        for (file, unit) in chain.iter().enumerate() {
            for (index, statement) in unit.script.statements().iter().enumerate() {
                places.add((file, index), &statement.kind, statement.text());
            }
        }
        places
    }

    fn add(&mut self, place: Place, kind: &Kind, text: &str) {
        match kind {
            Kind::CreateTable(it) if !it.if_not_exists => {
                self.about(&it.table, Topic::Creates, place);
            }
            Kind::AlterTable(it) => {
                for action in &it.actions {
                    for topic in topics(action) {
                        self.about(&it.table, topic, place);
                    }
                }
            }
            Kind::CreateIndex(it) => {
                for length in 1..=it.columns.len() {
                    let topic = Topic::indexes(&it.columns[..length]);
                    self.about(&it.table, topic, place);
                }
            }
            Kind::Update { table, columns, .. } => {
                for column in columns {
                    self.about(table, Topic::Updates(column.clone()), place);
                }
            }
            Kind::Comment { table: Some(table) } => {
                if let Some((column, removed)) = commented(text) {
                    self.about(table, Topic::CommentsColumn(column), place);
                    if !removed {
                        self.about(table, Topic::Comments, place);
                    }
                }
            }
            Kind::Drop(it) => {
                for name in &it.names {
                    match it.object {
                        Object::Table => self.about(name, Topic::DropsTable, place),
                        Object::Index => {
                            self.about(&Name::bare(&name.name), Topic::DropsIndex, place);
                        }
                        _ => {}
                    }
                }
            }
            Kind::Analyze { tables } => self.about_all(tables, &Topic::Analyzes, place),
            Kind::Vacuum { tables, .. } => self.about_all(tables, &Topic::Vacuums, place),
            Kind::Select { functions, .. } if functions.iter().any(|f| f == "setval") => {
                self.about_all(&[], &Topic::SetsSequence, place);
            }
            Kind::Set { name, .. } if LIMITS.contains(&name.as_str()) => {
                self.about_all(&[], &Topic::LimitsIdle, place);
            }
            _ => {}
        }
    }

    fn about(&mut self, table: &Name, topic: Topic, place: Place) {
        let of = self.by_topic.entry(table.key()).or_default();
        of.entry(topic).or_default().push(place);
    }

    /// Without a table it is about each of them.
    fn about_all(&mut self, tables: &[Name], topic: &Topic, place: Place) {
        for table in tables {
            self.about(table, topic.clone(), place);
        }
        if tables.is_empty() {
            let of = self.everywhere.entry(topic.clone()).or_default();
            of.push(place);
        }
    }

    /// The first place after `after` where the chain says so of `table`.
    pub(super) fn next(&self, table: &Name, topic: &Topic, after: Place) -> Option<Place> {
        next(self.by_topic.get(&table.key())?.get(topic)?, after)
    }

    /// The last place before `before`.
    pub(super) fn last(&self, table: &Name, topic: &Topic, before: Place) -> Option<Place> {
        last(self.by_topic.get(&table.key())?.get(topic)?, before)
    }

    /// The first place after `after` where it is said of no table by name.
    pub(super) fn next_everywhere(&self, topic: &Topic, after: Place) -> Option<Place> {
        next(self.everywhere.get(topic)?, after)
    }

    pub(super) fn last_everywhere(&self, topic: &Topic, before: Place) -> Option<Place> {
        last(self.everywhere.get(topic)?, before)
    }
}

const LIMITS: &[&str] = &["idle_in_transaction_session_timeout", "transaction_timeout"];

impl Topic {
    pub(crate) fn indexes(columns: &[String]) -> Self {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        Self::Indexes(columns)
    }
}

fn topics(action: &TableAction) -> Vec<Topic> {
    let key = |c: &Column| c.has(|k| matches!(k, ConstraintKind::PrimaryKey { .. }));
    match action {
        TableAction::AddConstraint(c) if matches!(c.kind, ConstraintKind::PrimaryKey { .. }) => {
            vec![Topic::AddsPrimaryKey]
        }
        TableAction::AddColumn { column, .. } if key(column) => vec![Topic::AddsPrimaryKey],
        TableAction::DropConstraint {
            if_exists: true, ..
        } => vec![Topic::DropsConstraintIfExists],
        TableAction::ValidateConstraint { name } => vec![Topic::Validates(name.clone())],
        _ => Vec::new(),
    }
}

/// The column of `COMMENT ON COLUMN a.b.c IS …`, and whether the comment is taken away.
fn commented(text: &str) -> Option<(String, bool)> {
    let mut words = text.split_whitespace().skip(2);
    words.next().filter(|w| w.eq_ignore_ascii_case("column"))?;
    let path = words.next()?;
    let last = path.rsplit('.').next()?;
    let name = match last.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => last.to_ascii_lowercase(),
    };
    let removed = words.last().is_some_and(|w| w.eq_ignore_ascii_case("null"));
    Some((name, removed))
}

fn next(places: &[Place], after: Place) -> Option<Place> {
    let at = places.partition_point(|place| *place <= after);
    places.get(at).copied()
}

fn last(places: &[Place], before: Place) -> Option<Place> {
    let at = places.partition_point(|place| *place < before);
    places.get(at.checked_sub(1)?).copied()
}
