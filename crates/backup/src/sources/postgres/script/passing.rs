//! What is known of a dump so far, and what may follow.

use super::cursor::Name;
use super::refusal::Refusal;
use super::statement::Statement;

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    AsItIs,
    /// Behind everything else.
    AtTheEnd,
    Nothing,
    /// As it is, and rows come behind it.
    BeforeRows,
}

/// Which letters are in a part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    Ascii,
    Any,
}

impl Letters {
    pub(super) fn of(text: &[u8]) -> Self {
        match text.is_ascii() {
            true => Self::Ascii,
            false => Self::Any,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Passing {
    /// What the text is in, once it says so.
    encoding: Option<String>,
    place: Place,
    /// Views and foreign tables: a row for one of them is written somewhere else.
    elsewhere: Vec<Name>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Anywhere,
    /// Between the `BEGIN` and `COMMIT` that large objects come in.
    LargeObjects,
}

impl Passing {
    pub(super) fn statement(&mut self, statement: Statement) -> Result<Put, Refusal> {
        if self.place == Place::LargeObjects
            && !matches!(statement, Statement::LargeObject | Statement::Commit)
        {
            return Refusal::new("between BEGIN and COMMIT there is more than large objects");
        }
        Ok(match statement {
            Statement::Passes | Statement::LargeObject => Put::AsItIs,
            Statement::Encoding(encoding) => {
                self.encoding = Some(encoding);
                Put::AsItIs
            }
            Statement::Copy(table) => {
                self.rows(&table)?;
                Put::BeforeRows
            }
            Statement::Insert(table) => {
                self.rows(&table)?;
                Put::AsItIs
            }
            Statement::Begin => {
                self.place = Place::LargeObjects;
                Put::Nothing
            }
            Statement::Commit if self.place == Place::LargeObjects => {
                self.place = Place::Anywhere;
                Put::Nothing
            }
            Statement::Commit => return Refusal::new("there is a COMMIT without a BEGIN"),
            Statement::EventTrigger => Put::AtTheEnd,
            Statement::Elsewhere(name) => {
                self.elsewhere.push(name);
                Put::AsItIs
            }
        })
    }

    /// # Errors
    /// When rows of this table would be written elsewhere.
    pub(super) fn rows(&self, table: &Name) -> Result<(), Refusal> {
        // One of the two may name no schema.
        let is = |other: &Name| {
            let (mut ours, mut theirs) = (table.iter().rev(), other.iter().rev());
            ours.by_ref().zip(theirs.by_ref()).all(|(a, b)| a == b)
        };
        if !self.elsewhere.iter().any(is) {
            return Ok(());
        }
        let table = String::from_utf8_lossy(&table.join(&b'.')).into_owned();
        Refusal::with_help(
            format!("rows come for {table}, which would write them elsewhere"),
            "dump with pg_dump without --include-foreign-data",
        )
    }

    /// What says again how the text is to be read, as code of the dump may have changed it.
    ///
    /// # Errors
    /// When nothing has said it yet.
    pub(super) fn settings_again(&self, letters: Letters) -> Result<String, Refusal> {
        let mut again =
            "SELECT pg_catalog.set_config('standard_conforming_strings', 'on', false)".to_owned();
        match &self.encoding {
            Some(encoding) => again.push_str(&format!(
                ", pg_catalog.set_config('client_encoding', '{encoding}', false)"
            )),
            None if letters == Letters::Ascii => {}
            None => return Refusal::new("it does not say which encoding it is in"),
        }
        again.push_str(";\n");
        Ok(again)
    }
}
