use sqlparser::tokenizer::Token;

use crate::sql::model::Name;

/// A walk over the tokens of a statement, white space left out.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, at: 0 }
    }

    pub(super) fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn rest(&self) -> &'a [Token] {
        &self.tokens[self.at.min(self.tokens.len())..]
    }

    pub(super) fn skip(&mut self, tokens: usize) {
        self.at += tokens;
    }

    /// Whether the token `ahead` of here is the keyword `word`.
    pub(super) fn is(&self, ahead: usize, word: &str) -> bool {
        self.tokens
            .get(self.at + ahead)
            .is_some_and(|t| says(t, word))
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(0, w))
    }

    /// Takes one keyword if it is there.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let there = self.is(0, word);
        self.at += usize::from(there);
        there
    }

    pub(super) fn eat_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|w| self.eat(w))
    }

    /// Takes all of the keywords or none.
    pub(super) fn eat_all(&mut self, words: &[&str]) -> bool {
        let there = words.iter().enumerate().all(|(i, w)| self.is(i, w));
        self.at += if there { words.len() } else { 0 };
        there
    }

    pub(super) fn symbol(&mut self, symbol: &Token) -> bool {
        let there = self.peek() == Some(symbol);
        self.at += usize::from(there);
        there
    }

    pub(super) fn is_symbol(&self, symbol: &Token) -> bool {
        self.peek() == Some(symbol)
    }

    pub(super) fn ident(&mut self) -> Option<String> {
        match self.peek()? {
            Token::Word(word) => {
                self.at += 1;
                Some(word.value.clone())
            }
            _ => None,
        }
    }

    /// `t`, `db.t`.
    pub(super) fn name(&mut self) -> Option<Name> {
        let first = self.ident()?;
        if !self.symbol(&Token::Period) {
            return Some(Name::bare(first));
        }
        Some(Name {
            schema: Some(first),
            name: self.ident()?,
        })
    }

    pub(super) fn names(&mut self) -> Option<Vec<Name>> {
        let mut names = vec![self.name()?];
        while self.symbol(&Token::Comma) {
            names.push(self.name()?);
        }
        Some(names)
    }

    /// What stands in the parentheses that open here.
    pub(super) fn parens(&mut self) -> Option<&'a [Token]> {
        if self.peek() != Some(&Token::LParen) {
            return None;
        }
        let mut depth = 0usize;
        for (offset, token) in self.rest().iter().enumerate() {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inner = &self.tokens[self.at + 1..self.at + offset];
                self.at += offset + 1;
                return Some(inner);
            }
        }
        None
    }

    /// A string, a number or a word, as its bare text.
    pub(super) fn value(&mut self) -> Option<String> {
        if self.symbol(&Token::Minus) {
            return Some(format!("-{}", self.value()?));
        }
        let value = match self.peek()? {
            Token::Word(word) => word.value.clone(),
            Token::Number(number, _) => number.clone(),
            other => string(other)?,
        };
        self.at += 1;
        Some(value)
    }

    /// `= value` or `value`.
    pub(super) fn setting(&mut self) -> Option<String> {
        self.symbol(&Token::Eq);
        self.value()
    }

    pub(super) fn string(&mut self) -> Option<String> {
        let text = string(self.peek()?)?;
        self.at += 1;
        Some(text)
    }
}

/// The text of a string literal.
pub(super) fn string(token: &Token) -> Option<String> {
    match token {
        Token::SingleQuotedString(text)
        | Token::DoubleQuotedString(text)
        | Token::NationalStringLiteral(text)
        | Token::HexStringLiteral(text)
        | Token::SingleQuotedByteStringLiteral(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether the token is this keyword, not quoted.
pub(super) fn says(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// The tokens as one line of SQL.
pub(super) fn text(tokens: &[Token]) -> String {
    let mut out = String::new();
    for token in tokens {
        let tight = matches!(
            token,
            Token::LParen | Token::RParen | Token::Comma | Token::Period
        );
        if !tight && !out.is_empty() && !out.ends_with(['(', '.']) {
            out.push(' ');
        }
        out.push_str(&token.to_string());
    }
    out
}

/// Cuts at the commas that stand in no parentheses.
pub(super) fn commas(tokens: &[Token]) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut from = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                parts.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[from..]);
    parts
}
