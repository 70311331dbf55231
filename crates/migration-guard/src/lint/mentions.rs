//! Calls that stand where no statement is: in the values of an INSERT, in a condition of a block.

use crate::lint::routines::Routines;
use crate::sql::Statement;
use crate::sql::model::Kind;

impl Routines {
    /// A call of the chain's own routines that `statement` makes somewhere inside an expression. What it
    /// calls as a statement is `known` already.
    pub(super) fn mentioned(&self, statement: &Statement, known: &[&str]) -> Option<Kind> {
        let block = matches!(statement.kind, Kind::Do { .. });
        let holds_expressions = matches!(
            statement.kind,
            Kind::Insert { .. }
                | Kind::Update { .. }
                | Kind::Delete { .. }
                | Kind::Merge { .. }
                | Kind::CreateTableAs { .. }
        );
        if self.is_empty() || !block && !holds_expressions {
            return None;
        }
        let words = words(statement.text(), block);
        let mut functions: Vec<String> = words
            .windows(2)
            .filter(|w| w[1] == "(" && self.defines(&w[0]) && !known.contains(&w[0].as_str()))
            .map(|w| w[0].clone())
            .collect();
        functions.sort();
        functions.dedup();
        (!functions.is_empty()).then_some(Kind::Select {
            functions,
            into: None,
            writes: Vec::new(),
        })
    }
}

/// The words and signs of a text in lower case, without comments. What stands in quotes is a value,
/// or in a `block` code like the rest.
pub(crate) fn words(text: &str, block: bool) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &text.as_bytes()[at..];
        let end = |what: &[u8]| rest.windows(what.len()).position(|w| w == what);
        at += match byte {
            b'-' if rest.starts_with(b"--") => end(b"\n").unwrap_or(rest.len()),
            b'/' if rest.starts_with(b"/*") => end(b"*/").map_or(rest.len(), |at| at + 2),
            b'\'' if !block => {
                let close = rest.iter().skip(1).position(|b| *b == b'\'');
                close.map_or(rest.len(), |at| at + 2)
            }
            b if is_word(*b) => {
                let length = rest.iter().take_while(|b| is_word(**b)).count();
                words.push(String::from_utf8_lossy(&rest[..length]).to_ascii_lowercase());
                length
            }
            b'"' => 1,
            b if b.is_ascii_whitespace() => 1,
            b => {
                words.push(char::from(*b).to_string());
                1
            }
        };
    }
    words
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
