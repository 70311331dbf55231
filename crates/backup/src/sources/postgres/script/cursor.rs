//! The words of one statement, from left to right.

use std::ops::Range;

use super::refusal::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a bare name.
    Word,
    Number,
    /// A name in double quotes.
    Name,
    /// Text in quotes of any kind.
    Text,
    /// Any other byte.
    Sign(u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Bytes, from the beginning of the statement.
    pub(super) at: Range<usize>,
}

/// A name in its parts, as the server folds them.
pub(super) type Name = Vec<Vec<u8>>;

#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    rest: &'a [Token],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], tokens: &'a [Token]) -> Self {
        Self { text, rest: tokens }
    }

    pub(super) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The kind and text of the next token, which is passed over.
    pub(super) fn next(&mut self) -> Option<(Kind, &'a [u8])> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some((first.kind, self.text.get(first.at.clone())?))
    }

    pub(super) fn peek(&self) -> Option<(Kind, &'a [u8])> {
        let mut ahead = *self;
        ahead.next()
    }

    /// Passes over these words, if they come next.
    pub(super) fn take(&mut self, words: &str) -> bool {
        let mut ahead = *self;
        for word in words.split(' ') {
            match ahead.next() {
                Some((Kind::Word, text)) if text.eq_ignore_ascii_case(word.as_bytes()) => {}
                _ => return false,
            }
        }
        *self = ahead;
        true
    }

    /// Passes over the first of these that comes next.
    pub(super) fn take_one_of<'w>(&mut self, of: &[&'w str]) -> Option<&'w str> {
        of.iter().copied().find(|words| self.take(words))
    }

    /// Passes over this sign, if it comes next.
    pub(super) fn sign(&mut self, sign: u8) -> bool {
        let is = matches!(self.peek(), Some((Kind::Sign(found), _)) if found == sign);
        if is {
            self.rest = &self.rest[1..];
        }
        is
    }

    /// Passes over text in quotes, and gives it with them.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        match self.peek() {
            Some((Kind::Text, text)) => {
                self.rest = &self.rest[1..];
                Some(text)
            }
            _ => None,
        }
    }

    /// Passes over a name of one or several parts.
    pub(super) fn name(&mut self) -> Option<Name> {
        let mut name = Vec::new();
        loop {
            name.push(match self.next()? {
                (Kind::Word, word) => word.to_ascii_lowercase(),
                (Kind::Name, quoted) => unquoted(quoted),
                _ => return None,
            });
            if !self.sign(b'.') {
                return Some(name);
            }
        }
    }

    /// Passes over a list of names in parentheses, if one comes next; fails when it is something
    /// else.
    pub(super) fn columns(&mut self) -> bool {
        if !self.sign(b'(') {
            return true;
        }
        loop {
            if self.name().is_none_or(|name| name.len() > 1) {
                return false;
            }
            if !self.sign(b',') {
                return self.sign(b')');
            }
        }
    }

    /// Whether this word comes outside of parentheses; what is up to it is passed over then.
    pub(super) fn skip_to(&mut self, word: &str) -> bool {
        let (mut ahead, mut depth) = (*self, 0_u32);
        while let Some((kind, text)) = ahead.next() {
            match kind {
                Kind::Sign(b'(') => depth += 1,
                Kind::Sign(b')') => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 && text.eq_ignore_ascii_case(word.as_bytes()) => {
                    *self = ahead;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// Whether these words are its last ones.
    pub(super) fn ends_with(&self, words: &str) -> bool {
        let count = words.split(' ').count();
        let Some(from) = self.rest.len().checked_sub(count) else {
            return false;
        };
        Self::new(self.text, &self.rest[from..]).take(words)
    }

    /// A statement that no dump has, told by its first words. Text is left out: it may be secret.
    pub(super) fn refused<T>(&self) -> Result<T, Refusal> {
        let words: Vec<_> = self
            .rest
            .iter()
            .take(4)
            .map(|token| match token.kind {
                Kind::Text => "'...'".into(),
                _ => String::from_utf8_lossy(self.text.get(token.at.clone()).unwrap_or_default()),
            })
            .collect();
        let begin: String = words.join(" ").chars().take(60).collect();
        Refusal::new(format!("no dump has a statement such as {begin:?}"))
    }
}

fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(quoted.len());
    let mut inner = quoted[1..quoted.len() - 1].iter();
    while let Some(byte) = inner.next() {
        name.push(*byte);
        if *byte == b'"' {
            inner.next();
        }
    }
    name
}
