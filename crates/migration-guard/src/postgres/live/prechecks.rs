//! Asks the rows what a statement would find out while everybody waits.

use std::path::PathBuf;

use crate::live::derive::Wanted;
use crate::live::expression::only_computes;
use crate::live::question::Question;
use crate::live::reader::Reader;

/// A question to the rows that a pending statement raises, and the answer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Precheck {
    /// What is looked for.
    pub kind: PrecheckKind,
    /// The migration's file.
    pub file: PathBuf,
    /// The line of the statement, from 1.
    pub line: u32,
    /// The table, as SQL writes it.
    pub table: String,
    /// What has to be true, in one sentence without a full stop.
    pub message: String,
    /// The SELECT that was run, or would have been; its first column counts the offending rows.
    pub sql: Option<String>,
    /// The answer.
    pub outcome: Outcome,
    /// An earlier statement of the pending migrations that writes to the table, `file:line`: what it
    /// changes is not in the answer.
    pub written_before: Option<String>,
}

impl Precheck {
    /// Whether the migration fails on today's rows, as far as that is certain.
    pub fn blocks(&self) -> bool {
        matches!(self.outcome, Outcome::Offending { .. })
            && self.kind != PrecheckKind::Cut
            && self.written_before.is_none()
    }
}

/// What a [`Precheck`] looks for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum PrecheckKind {
    /// Rows that share the values of a new key.
    Duplicates,
    /// Nulls where none may be.
    Nulls,
    /// Rows whose referenced row is missing.
    Orphans,
    /// Rows that a CHECK refuses.
    Violations,
    /// Values that the new type does not hold.
    DoesNotFit,
    /// Values that change their meaning in the new type without an error.
    Cut,
    /// Rows in a table that has to be empty.
    Rows,
}

/// What the rows said.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "is", rename_all = "snake_case"))]
pub enum Outcome {
    /// No row is in the way.
    Clean,
    /// Rows are in the way.
    Offending {
        /// How many.
        rows: u64,
        /// There may be more: the search ended with the first.
        at_least: bool,
    },
    /// Nobody knows.
    Unknown {
        /// Why, as a fragment.
        why: String,
    },
}

pub(super) async fn run(reader: &Reader, wanted: Vec<Wanted>) -> Vec<Precheck> {
    let mut checks: Vec<Precheck> = Vec::new();
    for one in wanted {
        let mut sql = None;
        let outcome = match &one.question {
            Err(why) => Outcome::Unknown { why: why.clone() },
            Ok(question) => {
                sql = Some(question.sql.clone());
                // Two statements may raise the same question.
                match checks.iter().find(|c| c.sql == sql) {
                    Some(known) => known.outcome.clone(),
                    None => ask(reader, one.kind, question).await,
                }
            }
        };
        checks.push(Precheck {
            kind: one.kind,
            file: one.place.file,
            line: one.place.line,
            table: one.table,
            message: one.message,
            sql,
            outcome,
            written_before: one
                .after
                .map(|place| format!("{}:{}", place.file.display(), place.line)),
        });
    }
    checks
}

async fn ask(reader: &Reader, kind: PrecheckKind, question: &Question) -> Outcome {
    for expression in &question.expressions {
        if let Err(why) = only_computes(reader, expression).await {
            return Outcome::Unknown { why };
        }
    }
    match reader.look(&question.sql).await {
        Ok(_) if question.trial => Outcome::Clean,
        Ok(row) => match row.try_get::<_, i64>(0) {
            Ok(0) => Outcome::Clean,
            Ok(rows) => Outcome::Offending {
                rows: rows.unsigned_abs(),
                at_least: kind == PrecheckKind::Rows,
            },
            Err(_) => Outcome::Unknown {
                why: "the answer was no number".to_owned(),
            },
        },
        // The statement itself would stumble over the same value.
        Err(refusal) if refusal.is_about_data() => Outcome::Offending {
            rows: 1,
            at_least: true,
        },
        Err(refusal) => Outcome::Unknown { why: refusal.why },
    }
}
