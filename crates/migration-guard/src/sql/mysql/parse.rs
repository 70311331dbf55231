use std::path::Path;

use sqlparser::dialect::MySqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::sql::model::Kind;
use crate::sql::mysql::split::{Piece, split};
use crate::sql::mysql::{data, statement};
use crate::sql::{Lines, Script, Statement};

/// Reads a whole file. What cannot be read is a statement that is not analysed, never an error.
pub(in crate::sql) fn script(path: &Path, text: &str) -> Script {
    let lines = Lines::new(text);
    let found = split(text);
    let statements = found
        .pieces
        .iter()
        .map(|piece| {
            let text = &text[piece.start..piece.end];
            Statement::new(text.to_owned(), lines.at(piece.start), kind(piece))
        })
        .collect();
    let comments = found
        .comments
        .into_iter()
        .map(|(at, text)| (lines.at(at).0, text))
        .collect();
    Script::new(path, text, statements, comments)
}

/// The tree of a chain of operators is as deep as the chain is long.
const CHAIN: usize = 100_000;

fn kind(piece: &Piece) -> Kind {
    if piece.unclosed {
        return Kind::Unanalysed;
    }
    if let Some(insert) = data::large_insert(&piece.text) {
        return insert;
    }
    match tokens(&piece.text) {
        Some(tokens) if !too_long(&tokens) => statement::read(&tokens).unwrap_or(Kind::Unanalysed),
        _ => Kind::Unanalysed,
    }
}

pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Tokenizer::new(&MySqlDialect {}, text).tokenize().ok()?;
    tokens.retain(|t| !matches!(t, Token::Whitespace(_)));
    Some(tokens)
}

fn too_long(tokens: &[Token]) -> bool {
    let mut chain = 0usize;
    tokens.iter().any(|token| {
        chain = if *token == Token::Comma { 0 } else { chain + 1 };
        chain > CHAIN
    })
}
