//! A dump's text on its way: what may not be in it is refused, what it holds is noted.

use std::collections::BTreeSet;

use super::contents::Contents;
use super::rows::{Depth, Rows};
use super::scanner::{Escapes, Put, Reader, Refusal};
use super::statement::{Create, Mode, Object, Statement, read};
use super::table::Table;
use super::tokens::{Kind, Tokens};

/// What the text is read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It comes from this database.
    Dump(String),
    /// It goes into a new database, beside this one. Events sleep there.
    Restore(String),
    /// Only to know that it is whole.
    Inspect,
}

/// Tables whose rows are kept elsewhere: a row written to a copy would be written there.
const ENGINES_ELSEWHERE: &[&str] = &["MRG_MYISAM", "MERGE", "FEDERATED", "CONNECT", "SPIDER"];

/// Under which settings something was made; they are part of what it does.
const MADE_UNDER: &[&str] = &[
    "sql_mode",
    "character_set_client",
    "collation_connection",
    "time_zone",
];

pub(super) struct Reading {
    purpose: Purpose,
    contents: Contents,
    /// The table whose rows came last.
    rows: Option<(String, Rows)>,
    /// Of all tables, so far.
    rows_seen: u64,
    mode: Mode,
    /// The session's settings, in the order of `MADE_UNDER`.
    settings: [String; MADE_UNDER.len()],
    /// What objects are made under, where it is not the database's own default.
    database_default: Option<String>,
    own_default: Option<String>,
    with_trigger: BTreeSet<String>,
    /// The database that the text itself says it comes from.
    own_name: Option<String>,
    notes: Vec<String>,
    /// Something after the session was set up: the snapshot was taken by then.
    begun: bool,
    whole: bool,
}

impl Reading {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            contents: Contents::default(),
            rows: None,
            rows_seen: 0,
            mode: Mode::default(),
            settings: Default::default(),
            database_default: None,
            own_default: None,
            with_trigger: BTreeSet::new(),
            own_name: None,
            notes: Vec::new(),
            begun: false,
            whole: false,
        }
    }

    /// The default character set and collation of the database that it comes from.
    pub(super) fn set_default(&mut self, clause: String) {
        self.own_default = Some(clause);
    }

    /// How many rows went by so far.
    pub(super) fn rows_seen(&self) -> u64 {
        self.rows_seen
    }

    /// Whether anything of the database itself was seen.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// What is worth telling about objects in it.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What it held.
    ///
    /// # Errors
    /// When it did not end as dumps do.
    pub(super) fn into_contents(mut self) -> Result<Contents, Refusal> {
        self.settle();
        if self.whole {
            return Ok(self.contents);
        }
        Refusal::new("its last line is missing, which says that the dump was completed")
    }

    fn settle(&mut self) {
        if let Some((table, rows)) = self.rows.take() {
            self.contents.settle(&table, &rows);
        }
    }

    fn depth(&self) -> Depth {
        match self.purpose {
            Purpose::Dump(_) => Depth::Hashes,
            _ => Depth::Counts,
        }
    }

    fn set(&mut self, settings: Vec<(String, String)>) -> Put {
        let others = ["sql_log_bin", "global.gtid_purged"];
        if settings
            .iter()
            .any(|(name, _)| others.contains(&name.as_str()))
        {
            // About replication, and not the copy's business.
            return Put::Nothing;
        }
        for (name, value) in settings {
            if let Some(at) = MADE_UNDER.iter().position(|known| *known == name) {
                if name == "sql_mode" {
                    self.mode = Mode::of(&value);
                }
                self.settings[at] = value;
            }
        }
        Put::AsItIs
    }

    fn create(&mut self, tokens: &Tokens<'_>, create: Create) -> Result<Put, Refusal> {
        let Create { object, name, .. } = &create;
        match object {
            Object::Table => {
                let table = Table::read(tokens, &create)?;
                self.contents.create_table(create.name, table);
                return Ok(Put::AsItIs);
            }
            Object::Sequence => {
                let facts = BTreeSet::from([tokens.plain()]);
                let mut words = tokens.list.iter();
                let increment = words
                    .find(|token| token.is("increment"))
                    .and_then(|_| words.find(|token| token.kind == Kind::Word && !token.is("by")))
                    .and_then(|token| token.text.parse().ok())
                    .unwrap_or(1);
                self.contents.create_sequence(name, increment, facts);
                return Ok(Put::AsItIs);
            }
            _ => {}
        }
        self.mind_the_name(tokens, &create);
        let put = match (&self.purpose, object) {
            (_, Object::Trigger) => self.trigger(tokens, &create)?,
            (Purpose::Restore(_), Object::Event) => self.event(tokens, &create)?,
            _ => Put::AsItIs,
        };
        let text = match (&put, object) {
            (Put::Instead(other), Object::Trigger) => Tokens::of(other, self.mode.escapes)?.plain(),
            (_, Object::Event) => awake(tokens),
            _ => tokens.plain(),
        };
        let mut facts = BTreeSet::from([text]);
        if *object != Object::View {
            let under = MADE_UNDER.iter().zip(&self.settings);
            facts.extend(
                under
                    .filter(|(name, _)| **name != "time_zone" || *object == Object::Event)
                    .map(|(name, value)| format!("{name} {value}")),
            );
            let default = self.database_default.iter();
            facts.extend(default.map(|default| format!("database {default}")));
        }
        self.contents.create(*object, name, facts);
        Ok(put)
    }

    /// A trigger may name its own database, and would not be made in another one then. So it
    /// loses that name, and one with another name is refused.
    fn trigger(&mut self, tokens: &Tokens<'_>, create: &Create) -> Result<Put, Refusal> {
        self.with_trigger.extend(create.on.clone());
        if create.qualifiers.is_empty() {
            return Ok(Put::AsItIs);
        }
        let ours = |name: &String| match &self.purpose {
            Purpose::Dump(database) => name == database,
            _ => self.own_name.as_ref() == Some(name),
        };
        if !create.qualifiers.iter().all(|(_, name)| ours(name)) {
            return Refusal::new(format!(
                "trigger {} is to be made in a database of its own",
                create.name
            ));
        }
        let mut text = tokens.text().to_owned();
        for (range, _) in create.qualifiers.iter().rev() {
            text.replace_range(range.clone(), "");
        }
        Ok(Put::Instead(text.into_bytes()))
    }

    /// In a copy, an event must not run beside the one it was copied from.
    fn event(&mut self, tokens: &Tokens<'_>, create: &Create) -> Result<Put, Refusal> {
        let Some((range, state)) = state_of(tokens) else {
            return Refusal::new(format!(
                "event {} does not say whether it runs",
                create.name
            ));
        };
        if state != State::Runs {
            return Ok(Put::AsItIs);
        }
        self.notes.push(format!(
            "event {0} sleeps until ALTER EVENT {1} ENABLE",
            create.name,
            super::session::ident(&create.name)
        ));
        let mut text = tokens.text().to_owned();
        text.replace_range(range, "DISABLE ON SLAVE");
        Ok(Put::Instead(text.into_bytes()))
    }

    /// Code that names the live database goes on doing so in a copy.
    fn mind_the_name(&mut self, tokens: &Tokens<'_>, create: &Create) {
        let Purpose::Restore(live) = &self.purpose else {
            return;
        };
        // Those that are left out of the copy.
        let left_out = |at: usize| create.qualifiers.iter().any(|(range, _)| range.start == at);
        let names = tokens.list.windows(2).any(|pair| {
            pair[1].is_sign(b'.')
                && !left_out(pair[0].at)
                && pair[0].name().is_some_and(|name| name == *live)
        });
        if names {
            self.notes.push(format!(
                "{} {} names the database {live}, and does so in the copy too",
                create.object.word(),
                create.name
            ));
        }
    }
}

impl Reader for Reading {
    fn statement(&mut self, text: &[u8]) -> Result<Put, Refusal> {
        if self.whole {
            return Refusal::new("there is something behind its end");
        }
        self.settle();
        let tokens = Tokens::of(text, self.mode.escapes)?;
        let statement = read(&tokens, self.mode)?;
        self.begun |= !matches!(statement, Statement::Set(_));
        match statement {
            Statement::Set(settings) => return Ok(self.set(settings)),
            Statement::Create(create) => return self.create(&tokens, create),
            Statement::Drop(object, name) => self.contents.drop(object, &name),
            Statement::SetVal(name, next) => self.contents.set_sequence(&name, next)?,
            Statement::AlterDatabase(default) => {
                let put = format!("ALTER DATABASE {default}").into_bytes();
                let is_own = self.own_default.as_ref() == Some(&default);
                self.database_default = Some(default).filter(|_| !is_own);
                return Ok(Put::Instead(put));
            }
            Statement::Other => {}
        }
        Ok(Put::AsItIs)
    }

    fn insert(&mut self, head: &[u8]) -> Result<(), Refusal> {
        if self.whole {
            return Refusal::new("there is something behind its end");
        }
        self.settle();
        let tokens = Tokens::of(head, self.mode.escapes)?;
        let mut list = tokens.list.as_slice();
        while let [word, rest @ ..] = list
            && word.is_one_of(&["INSERT", "REPLACE", "IGNORE", "DELAYED", "INTO"])
        {
            list = rest;
        }
        let [name, columns @ .., _values] = list else {
            return Refusal::new("an INSERT names no table");
        };
        let columns: Option<Vec<String>> = match columns {
            [] => Some(Vec::new()),
            [open, columns @ .., close] if open.is_sign(b'(') && close.is_sign(b')') => columns
                .iter()
                .filter(|token| !token.is_sign(b','))
                .map(|token| token.name())
                .collect(),
            _ => None,
        };
        let (Some(name), Some(columns)) = (name.name(), columns) else {
            return Refusal::new("an INSERT is not into a table of the dump");
        };
        let Some(table) = self.contents.table(&name) else {
            return Refusal::new(format!(
                "rows come for {name}, which is not a table of the dump"
            ));
        };
        if self.with_trigger.contains(&name) || ENGINES_ELSEWHERE.contains(&table.engine.as_str()) {
            return Refusal::new(format!(
                "rows come for {name} that would be written elsewhere too"
            ));
        }
        let rows = self.contents.rows(&name, &columns, self.depth());
        self.rows = rows.map(|rows| (name, rows));
        Ok(())
    }

    fn part_of_value(&mut self, part: &[u8]) -> Result<(), Refusal> {
        match &mut self.rows {
            Some((_, rows)) => rows.part_of_value(part),
            None => Ok(()),
        }
    }

    fn value(&mut self, text: &[u8]) -> Result<(), Refusal> {
        match &mut self.rows {
            Some((_, rows)) => rows.value(text),
            None => Ok(()),
        }
    }

    fn row(&mut self) -> Result<(), Refusal> {
        match &mut self.rows {
            Some((_, rows)) => {
                self.rows_seen += 1;
                rows.end()
            }
            None => Ok(()),
        }
    }

    fn comment(&mut self, text: &[u8]) {
        self.whole |= text.starts_with(b"-- Dump completed");
        // -- Host: localhost    Database: shop
        if !self.begun && self.own_name.is_none() && text.starts_with(b"-- Host: ") {
            let text = String::from_utf8_lossy(text);
            let name = text
                .split_once("    Database: ")
                .map(|(_, name)| name.trim_end());
            self.own_name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        }
    }

    fn escapes(&self) -> Escapes {
        self.mode.escapes
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Sleeps,
    Off,
}

/// Where an event says whether it runs, and what it says.
fn state_of(tokens: &Tokens<'_>) -> Option<(std::ops::Range<usize>, State)> {
    let list = &tokens.list;
    let at = list.iter().position(|token| token.is("PRESERVE"))? + 1;
    let is = |at: usize, words: &[&str]| list.get(at).is_some_and(|token| token.is_one_of(words));
    if is(at, &["ENABLE"]) {
        return Some((list[at].at..list[at].end(), State::Runs));
    }
    if !is(at, &["DISABLE"]) {
        return None;
    }
    if is(at + 1, &["ON"]) && is(at + 2, &["SLAVE", "REPLICA"]) {
        return Some((list[at].at..list[at + 2].end(), State::Sleeps));
    }
    Some((list[at].at..list[at].end(), State::Off))
}

/// An event that sleeps in a copy is the one that runs in the original.
fn awake(tokens: &Tokens<'_>) -> String {
    match state_of(tokens) {
        Some((range, State::Runs | State::Sleeps)) => {
            let (before, after) = (
                tokens.plain_between(0, range.start),
                tokens.plain_between(range.end, tokens.text().len()),
            );
            format!("{before} ENABLE {after}")
        }
        _ => tokens.plain(),
    }
}
