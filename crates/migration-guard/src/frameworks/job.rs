use crate::revert::way_back;
use crate::sql::Script;
use crate::{Direction, Error, ErrorKind, Migration, Step, Transactional};

/// One migration that is about to be run.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) direction: Direction,
    pub(super) migration: &'a Migration,
    pub(super) script: Script,
    pub(super) transaction: Transactional,
}

impl<'a> Job<'a> {
    pub(super) fn new(direction: Direction, migration: &'a Migration) -> Result<Self, Error> {
        let (script, transaction) = match direction {
            Direction::Up => (
                Script::parse(&migration.up, &migration.up_sql)?,
                migration.transaction,
            ),
            Direction::Down => (way_back(migration)?, migration.down_transaction),
        };
        Ok(Self {
            direction,
            migration,
            script,
            transaction,
        })
    }

    /// Whether it is to be applied in the end.
    pub(super) fn wants(&self) -> bool {
        self.direction == Direction::Up
    }

    pub(super) fn step(&self) -> Step {
        Step {
            version: self.migration.version.clone(),
            direction: self.direction,
            index: 0,
            total: 1,
            summary: match self.direction {
                Direction::Up => format!("apply {}", self.migration.version),
                Direction::Down => format!("revert {}", self.migration.version),
            },
            transaction: self.transaction,
        }
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        let operation = match self.direction {
            Direction::Up => "apply version",
            Direction::Down => "revert version",
        };
        Error::new(kind, operation, &self.migration.version)
    }

    /// What went wrong, under the name of what was run.
    pub(super) fn told(&self, error: Error) -> Error {
        let told = self.error(error.kind()).because(error.to_string());
        let told = match error.help() {
            Some(help) => told.with_help(help),
            None => told,
        };
        told.with_source(error)
    }
}
