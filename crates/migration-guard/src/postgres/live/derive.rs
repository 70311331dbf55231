//! Which questions to the rows a statement raises.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lint::Replayed;
use crate::live::catalogue::Catalogue;
use crate::live::prechecks::PrecheckKind;
use crate::live::question::{self, Question, ident, relation};
use crate::live::touch::{Place, locate};
use crate::snapshot::{self, Table, TableKind};
use crate::sql::model::{
    Column, Constraint, ConstraintKind, CreateIndex, ForeignKey, Kind, Object, TableAction,
};
use crate::sql::{Name, Script};

/// A question that a statement raises.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) kind: PrecheckKind,
    pub(super) place: Place,
    /// As SQL writes it.
    pub(super) table: String,
    pub(super) message: String,
    /// What to ask, or why it cannot be asked.
    pub(super) question: Result<Question, String>,
    /// An earlier statement of the chain that writes to the table.
    pub(super) after: Option<Place>,
}

/// Tables that the chain has written to, each with the last statement that did.
#[derive(Debug, Default)]
pub(super) struct Written {
    tables: BTreeMap<String, Place>,
    /// What nobody can look into may have written to any of them.
    any: Option<Place>,
}

impl Written {
    pub(super) fn remember(&mut self, step: &Replayed<'_>, place: &Place) {
        match step.kind {
            Kind::Insert { table, .. }
            | Kind::Update { table, .. }
            | Kind::Delete { table, .. }
            | Kind::Merge { table }
            | Kind::Copy {
                table: Some(table),
                into: true,
            } => {
                self.tables.insert(table.key(), place.clone());
            }
            Kind::Truncate { tables, .. } => {
                for table in tables {
                    self.tables.insert(table.key(), place.clone());
                }
            }
            Kind::Dynamic
            | Kind::Call { .. }
            | Kind::Unanalysed
            | Kind::Do {
                opaque: Some(_), ..
            } => self.any = Some(place.clone()),
            _ => {}
        }
    }

    fn of(&self, table: &Name) -> Option<Place> {
        let own = self.tables.get(&table.key());
        own.or(self.any.as_ref()).cloned()
    }
}

/// What one statement's table is, for all the questions about it.
struct About<'a, 'b> {
    step: &'a Replayed<'b>,
    catalogue: &'a Catalogue,
    name: &'a Name,
    table: &'a Table,
    place: &'a Place,
    after: Option<Place>,
}

pub(super) fn wanted(
    step: &Replayed<'_>,
    catalogue: &Catalogue,
    place: &Place,
    written: &Written,
) -> Vec<Wanted> {
    let name = match step.kind {
        Kind::CreateIndex(it) if it.unique => &it.table,
        Kind::AlterTable(it) if it.object == Object::Table => &it.table,
        _ => return Vec::new(),
    };
    let Some(at) = locate(step, catalogue, name) else {
        return Vec::new();
    };
    let about = About {
        step,
        catalogue,
        name,
        table: &catalogue.snapshot.tables[at],
        place,
        after: written.of(name),
    };
    match step.kind {
        Kind::CreateIndex(it) => vec![about.unique_index(it)],
        Kind::AlterTable(it) => it.actions.iter().flat_map(|a| about.action(a)).collect(),
        _ => Vec::new(),
    }
}

impl About<'_, '_> {
    fn action(&self, action: &TableAction) -> Vec<Wanted> {
        match action {
            TableAction::AddConstraint(constraint)
                if !constraint.not_valid && !constraint.not_enforced =>
            {
                self.constraint(constraint)
            }
            TableAction::ValidateConstraint { name } => self.validated(name),
            TableAction::SetNotNull { column } => self.not_null(column).into_iter().collect(),
            TableAction::AddColumn { column, .. } => self.added(column).into_iter().collect(),
            TableAction::SetType {
                column, ty, using, ..
            } => {
                let known = self.step.state.column(self.name, column);
                let from = known.and_then(|c| c.ty.as_ref());
                let questions = question::types(self.table, column, from, ty, using.as_deref());
                let asked = questions.into_iter().map(|(kind, message, question)| {
                    let question = self.has(column).and(question);
                    self.wanted(kind, message, question)
                });
                asked.collect()
            }
            _ => Vec::new(),
        }
    }

    fn constraint(&self, constraint: &Constraint) -> Vec<Wanted> {
        match &constraint.kind {
            ConstraintKind::NotNull {
                column: Some(column),
            } => self.not_null(column).into_iter().collect(),
            ConstraintKind::Check(expr) => vec![self.wanted(
                PrecheckKind::Violations,
                format!("{} obeys CHECK ({})", self.name, expr.text.trim()),
                Ok(question::check(self.table, &expr.text)),
            )],
            ConstraintKind::Unique {
                columns,
                using_index: None,
            } => vec![self.duplicates(columns, constraint.nulls_not_distinct)],
            ConstraintKind::PrimaryKey {
                columns,
                using_index: None,
            } => {
                let mut asked = vec![self.duplicates(columns, false)];
                asked.extend(columns.iter().filter_map(|c| self.not_null(c)));
                asked
            }
            ConstraintKind::PrimaryKey {
                using_index: Some(index),
                ..
            } => {
                let known = self.step.state.indexes.get(index);
                let columns = known.map(|i| i.columns.as_slice()).unwrap_or_default();
                columns.iter().filter_map(|c| self.not_null(c)).collect()
            }
            ConstraintKind::ForeignKey(key) => self.orphans(key).into_iter().collect(),
            ConstraintKind::Exclude => vec![self.wanted(
                PrecheckKind::Duplicates,
                format!("no two rows of {} exclude each other", self.name),
                Err("an EXCLUDE constraint can only be tried".to_owned()),
            )],
            _ => Vec::new(),
        }
    }

    /// A constraint that is there already, or that the chain has added.
    fn validated(&self, name: &str) -> Vec<Wanted> {
        let in_database = self.table.constraints.iter().find(|c| c.name == name);
        if let Some(known) = in_database {
            if known.validated {
                return Vec::new();
            }
            return definition(known)
                .map(|constraint| self.constraint(&constraint))
                .unwrap_or_default();
        }
        let added = self.step.state.table(self.name);
        let Some(added) = added.and_then(|t| t.constraints.get(name)) else {
            return Vec::new();
        };
        self.constraint(&Constraint {
            name: None,
            kind: added.kind.clone(),
            not_valid: false,
            not_enforced: false,
            deferrable: false,
            nulls_not_distinct: false,
        })
    }

    fn not_null(&self, column: &str) -> Option<Wanted> {
        let known = self.step.state.column(self.name, column);
        if known.is_some_and(|c| c.not_null) || self.step.state.proves_not_null(self.name, column) {
            return None;
        }
        let question = self
            .has(column)
            .map(|()| question::nulls(self.table, column));
        let message = format!("{} of {} has no nulls", Name::bare(column), self.name);
        Some(self.wanted(PrecheckKind::Nulls, message, question))
    }

    /// A column that refuses nulls and has nothing else to offer fails on the first row.
    fn added(&self, column: &Column) -> Option<Wanted> {
        let filled = column.default().is_some()
            || column.has(|k| {
                matches!(
                    k,
                    ConstraintKind::Identity | ConstraintKind::Stored | ConstraintKind::Virtual
                )
            })
            || column.ty.name.ends_with("serial");
        if !column.not_null() || filled {
            return None;
        }
        let message = format!(
            "{} is empty, so that {} can be NOT NULL without a default",
            self.name,
            Name::bare(&column.name)
        );
        Some(self.wanted(PrecheckKind::Rows, message, Ok(question::rows(self.table))))
    }

    fn unique_index(&self, it: &CreateIndex) -> Wanted {
        let message = format!("{} is unique in {}", it.terms.join(", "), self.name);
        let question = question::duplicates(
            self.table,
            &it.terms,
            it.predicate.as_deref(),
            it.nulls_not_distinct,
        );
        self.wanted(PrecheckKind::Duplicates, message, Ok(question))
    }

    fn duplicates(&self, columns: &[String], nulls_not_distinct: bool) -> Wanted {
        let terms: Vec<String> = columns.iter().map(|c| ident(c)).collect();
        let named: Vec<String> = columns.iter().map(|c| Name::bare(c).to_string()).collect();
        let missing = columns.iter().find_map(|c| self.has(c).err());
        let mut question = question::duplicates(self.table, &terms, None, nulls_not_distinct);
        question.expressions.clear();
        self.wanted(
            PrecheckKind::Duplicates,
            format!("{} is unique in {}", named.join(", "), self.name),
            missing.map_or(Ok(question), Err),
        )
    }

    fn orphans(&self, key: &ForeignKey) -> Option<Wanted> {
        let message = format!("each row of {} has its row in {}", self.name, key.table);
        let wanted = |question| Some(self.wanted(PrecheckKind::Orphans, message, question));
        if let Some(missing) = key.columns.iter().find_map(|c| self.has(c).err()) {
            return wanted(Err(missing));
        }
        let Some(at) = locate(self.step, self.catalogue, &key.table) else {
            return wanted(Err(format!("{} is not there yet", key.table)));
        };
        let parent = &self.catalogue.snapshot.tables[at];
        let to = if key.to.is_empty() {
            let known = self.step.state.table(&key.table);
            known
                .and_then(|t| t.primary_key.clone())
                .unwrap_or_default()
        } else {
            key.to.clone()
        };
        if to.len() != key.columns.len() || to.is_empty() {
            return wanted(Err(format!("{} has no key of that width", key.table)));
        }
        let columns: Vec<(&str, &str)> = key
            .columns
            .iter()
            .zip(&to)
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        wanted(Ok(question::orphans(
            self.table,
            parent,
            &columns,
            key.match_full,
        )))
    }

    /// Whether the database has the column already.
    fn has(&self, column: &str) -> Result<(), String> {
        if self.table.columns.iter().any(|c| c.name == column) {
            Ok(())
        } else {
            Err(format!("{} is not there yet", Name::bare(column)))
        }
    }

    fn wanted(
        &self,
        kind: PrecheckKind,
        message: String,
        question: Result<Question, String>,
    ) -> Wanted {
        let question = if self.table.kind == TableKind::Foreign {
            Err("its rows are on another server".to_owned())
        } else {
            question
        };
        Wanted {
            kind,
            place: self.place.clone(),
            table: relation(self.table),
            message,
            question,
            after: self.after.clone(),
        }
    }
}

/// All of what the server's own spelling of a constraint says.
fn definition(constraint: &snapshot::Constraint) -> Option<Constraint> {
    let sql = format!("ALTER TABLE t ADD {}", constraint.definition);
    let script = Script::parse(Path::new("constraint"), &sql).ok()?;
    let kind = &script.statements().first()?.kind;
    let Kind::AlterTable(it) = kind else {
        return None;
    };
    match it.actions.first()? {
        TableAction::AddConstraint(constraint) => Some(constraint.clone()),
        _ => None,
    }
}
