//! A transaction that a file opens and does not end: the session's end would undo it without a word.

use crate::sql::Script;
use crate::sql::model::Kind;
use crate::{Error, ErrorKind};

/// Refuses a file that ends inside of a transaction of its own.
pub(crate) fn ends_transactions(script: &Script) -> Result<(), Error> {
    let mut open = None;
    for statement in script.statements() {
        match &statement.kind {
            Kind::Begin => open = open.or(Some(statement)),
            // AND CHAIN opens the next one.
            Kind::Commit | Kind::Rollback if chains(statement.text()) => open = Some(statement),
            Kind::Commit | Kind::Rollback => open = None,
            _ if words(statement.text(), &["prepare", "transaction"]) => open = None,
            _ => {}
        }
    }
    let Some(statement) = open else {
        return Ok(());
    };
    Err(Error::of_file(ErrorKind::Unsupported, "run", script.path())
        .at(statement.line(), statement.column())
        .because("the transaction that begins there is never ended, so nothing of it would stay")
        .with_help("write COMMIT at its end, or leave BEGIN to the runner"))
}

fn chains(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.ends_with(&["and", "chain"])
}

/// Whether a statement begins with these words.
fn words(text: &str, expected: &[&str]) -> bool {
    let mut words = text.split_whitespace();
    expected
        .iter()
        .all(|e| words.next().is_some_and(|w| w.eq_ignore_ascii_case(e)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_what_stays_open_is_refused() {
        let line = |sql: &str| {
            let script = Script::parse(Path::new("m.sql"), sql).unwrap();
            ends_transactions(&script).err().map(|e| e.position())
        };
        assert_eq!(line("SELECT 1;\nBEGIN;\nSELECT 2;"), Some(Some((2, 1))));
        assert_eq!(line("START TRANSACTION; SELECT 2;"), Some(Some((1, 1))));
        assert_eq!(line("BEGIN; COMMIT AND CHAIN;"), Some(Some((1, 8))));
        assert_eq!(line("BEGIN; COMMIT; BEGIN;"), Some(Some((1, 16))));
        for whole in [
            "SELECT 1;",
            "BEGIN; COMMIT;",
            "BEGIN; END;",
            "BEGIN; SAVEPOINT a; ROLLBACK TO a; ROLLBACK;",
            "BEGIN; COMMIT AND NO CHAIN;",
            "BEGIN; PREPARE TRANSACTION 'a';",
        ] {
            assert_eq!(line(whole), None, "{whole}");
        }
    }
}
