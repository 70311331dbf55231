use crate::lint::places::{Place, Places, Topic};
use crate::lint::{Effects, LintOptions, LockMode, Loss, LossKind, Severity, State, Unit, Within};
use crate::rules::mysql::Schema;
use crate::sql::Statement;
use crate::sql::model::{Kind, Name};

/// All that a rule may look at when it judges one statement.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) options: &'a LintOptions,
    /// What the statement does; for the inside of a DO block, one of its statements.
    pub(crate) kind: &'a Kind,
    pub(crate) statement: &'a Statement,
    /// Whether `kind` is what stands in the file, and not something that it runs.
    pub(crate) whole: bool,
    /// Line and column of what `kind` is about: inside a DO block its own, else the statement's.
    pub(crate) place: (u32, u32),
    /// The statement's place in its file.
    pub(crate) index: usize,
    pub(crate) unit: &'a Unit,
    /// The file's place in the chain.
    pub(crate) file: usize,
    pub(crate) places: &'a Places,
    /// What the chain has done so far, without this statement.
    pub(crate) state: &'a State,
    pub(crate) effects: &'a Effects,
    /// The same as MySQL sees it; empty for PostgreSQL.
    pub(crate) schema: &'a Schema,
    /// The last statement of this file that changes the schema.
    pub(crate) last_change: Option<usize>,
}

impl Context<'_> {
    /// Whether `table` was made by this very chain and holds nothing that matters.
    pub(crate) fn is_new(&self, table: &Name) -> bool {
        self.state.is_new(table)
    }

    /// Whether `columns` of `table` were all added by the chain, so that writing them overwrites nothing.
    pub(crate) fn only_new_columns(&self, table: &Name, columns: &[String]) -> bool {
        let new = |column: &String| self.state.column(table, column).is_some_and(|c| c.new);
        !columns.is_empty() && columns.iter().all(new)
    }

    /// Whether what came before is still locked, added or open when this runs; with the words
    /// that say how sure that is, for the end of a message.
    pub(crate) fn shares_transaction(&self) -> Option<Shared> {
        match self.state.within() {
            Within::Nothing => None,
            Within::Transaction => Some(Shared {
                severity: None,
                words: "",
            }),
            Within::Perhaps => Some(Shared {
                severity: Some(Severity::Warning),
                words: ", if the file runs in one transaction",
            }),
        }
    }

    /// Whether this file says so of `table` after this statement.
    pub(crate) fn rest_says(&self, table: &Name, topic: &Topic) -> bool {
        let place = self.places.next(table, topic, self.here());
        place.is_some_and(|(file, _)| file == self.file)
    }

    /// The same of a statement that names no table, and so may be about any.
    pub(crate) fn rest_says_of_all(&self, topic: &Topic) -> bool {
        let place = self.places.next_everywhere(topic, self.here());
        place.is_some_and(|(file, _)| file == self.file)
    }

    /// Whether the chain says so of `table` after this statement.
    pub(crate) fn later_says(&self, table: &Name, topic: &Topic) -> bool {
        self.places.next(table, topic, self.here()).is_some()
    }

    /// Where this file says so of `table`, the last time before `place`.
    pub(crate) fn said_before(&self, table: &Name, topic: &Topic, place: Place) -> Option<Place> {
        let said = self.places.last(table, topic, place);
        said.filter(|(file, _)| *file == self.file)
    }

    /// The last statement in the rest of this file that says so of `table`.
    pub(crate) fn last_of_rest(&self, table: &Name, topic: &Topic) -> Option<&Statement> {
        let (file, index) = self.places.last(table, topic, (self.file + 1, 0))?;
        let rest = (file, index) > self.here();
        rest.then(|| self.unit.script.statements().get(index))?
    }

    /// Whether this file has said so before this statement, of no table by name.
    pub(crate) fn has_said(&self, topic: &Topic) -> bool {
        let said = self.places.last_everywhere(topic, self.here());
        said.is_some_and(|(file, _)| file == self.file)
    }

    pub(crate) fn here(&self) -> Place {
        (self.file, self.index)
    }
}

/// How sure it is that statements share a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    /// Instead of the rule's own, if it is not sure.
    pub(crate) severity: Option<Severity>,
    pub(crate) words: &'static str,
}

impl Shared {
    /// The rule's severity, or less.
    pub(crate) fn at_most(self, severity: Severity) -> Severity {
        self.severity.map_or(severity, |least| least.min(severity))
    }
}

/// All that a rule may look at when it judges a whole file, after its last statement.
#[derive(Debug)]
pub(crate) struct UnitContext<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) state: &'a State,
}

/// What a rule found, before place and lock are added.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) table: Option<Name>,
    pub(crate) loss: Option<Loss>,
    pub(crate) severity: Option<Severity>,
    pub(crate) lock: Option<LockMode>,
    /// For whole-file rules: the statement to point at.
    pub(crate) at: Option<usize>,
}

impl Hit {
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn on(&mut self, table: &Name) -> &mut Self {
        self.table = Some(table.clone());
        self
    }

    pub(crate) fn severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = Some(severity);
        self
    }

    pub(crate) fn at(&mut self, statement: usize) -> &mut Self {
        self.at = Some(statement);
        self
    }

    pub(crate) fn loses(&mut self, kind: LossKind, of: &Name, column: Option<&str>) -> &mut Self {
        self.loss = Some(Loss {
            kind,
            table: of.to_string(),
            column: column.map(str::to_owned),
            rows: None,
            bytes: None,
        });
        self
    }
}

/// Collects what one rule finds.
#[derive(Debug, Default)]
pub(crate) struct Hits(pub(crate) Vec<Hit>);

impl Hits {
    pub(crate) fn add(&mut self, message: impl Into<String>) -> &mut Hit {
        let at = self.0.len();
        self.0.push(Hit {
            message: message.into(),
            help: None,
            table: None,
            loss: None,
            severity: None,
            lock: None,
            at: None,
        });
        &mut self.0[at]
    }
}
