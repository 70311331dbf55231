//! Where the tokens of a statement begin and end.
//!
//! This is done as `psql` and the server do it. What only one of them might take for the end of
//! text, and what no `pg_dump` writes, is refused: text that goes on behind its end, `U&''`,
//! comments of the form `/* */`, commands and variables of `psql`.

use memchr::{memchr, memchr2, memmem};

use super::cursor::Kind;
use super::refusal::Refusal;
use super::scanner::{More, Script, Step};

/// What the text is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Lex {
    #[default]
    Plain,
    Name,
    /// Between single quotes.
    Text(Escapes),
    /// Up to this, with its dollar signs.
    Dollar(Vec<u8>),
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    Backslash,
    None,
}

/// Enough to tell what follows.
const LOOK: usize = 4;

/// A number has up to 147,455 digits.
const LONGEST_WORD: usize = 1024 * 1024;

impl Script {
    /// Takes the next token, or a part of it.
    pub(super) fn lex(&mut self, more: More) -> Result<Step, Refusal> {
        match &self.lex {
            Lex::Plain => self.plain(more),
            Lex::Name => self.quoted(b'"', Escapes::None, Kind::Name, more),
            Lex::Text(escapes) => self.quoted(b'\'', *escapes, Kind::Text, more),
            Lex::Dollar(tag) => match memmem::find(&self.text[self.pos..], tag) {
                Some(found) => {
                    let end = self.pos + found + tag.len();
                    self.lex = Lex::Plain;
                    self.token(Kind::Text, end)
                }
                None => {
                    let kept = tag.len() - 1;
                    self.pos = self.pos.max(self.text.len().saturating_sub(kept));
                    Ok(Step::Wait)
                }
            },
            Lex::Comment => match memchr2(b'\n', b'\r', &self.text[self.pos..]) {
                Some(found) => {
                    self.pos += found;
                    self.lex = Lex::Plain;
                    Ok(Step::On)
                }
                None => {
                    self.pos = self.text.len();
                    Ok(Step::Wait)
                }
            },
        }
    }

    fn plain(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        if rest.is_empty() || (rest.len() < LOOK && more == More::Coming) {
            return Ok(Step::Wait);
        }
        self.opened = self.pos - self.start;
        match rest[0] {
            byte if byte.is_ascii_whitespace() => {
                self.pos += 1;
                Ok(Step::On)
            }
            b'\'' => self.open_text(1, Escapes::None),
            b'"' => {
                self.pos += 1;
                self.lex = Lex::Name;
                Ok(Step::On)
            }
            b'$' => self.dollar(more),
            b'-' if rest.starts_with(b"--") => {
                self.pos += 2;
                self.lex = Lex::Comment;
                Ok(Step::On)
            }
            b'/' if rest.starts_with(b"/*") => {
                Refusal::new("there is a comment of a kind that pg_dump does not write")
            }
            b'\\' => {
                Refusal::new("there is a backslash outside of quotes, as commands of psql have")
            }
            b':' => self.colon(),
            b'0'..=b'9' => self.number(more),
            byte if begins_word(byte) => self.word(more),
            b';' => {
                self.pos += 1;
                self.semicolon()
            }
            byte => self.token(Kind::Sign(byte), self.pos + 1),
        }
    }

    fn open_text(&mut self, behind: usize, escapes: Escapes) -> Result<Step, Refusal> {
        if self.last == Some(Kind::Text) {
            // The server joins them if there is a new line between; psql does not always.
            return Refusal::new("there is text behind text");
        }
        self.pos += behind;
        self.lex = Lex::Text(escapes);
        Ok(Step::On)
    }

    /// Up to the quote that ends it, which is not one of two.
    fn quoted(
        &mut self,
        quote: u8,
        escapes: Escapes,
        kind: Kind,
        more: More,
    ) -> Result<Step, Refusal> {
        loop {
            let rest = &self.text[self.pos..];
            let found = match escapes {
                Escapes::Backslash => memchr2(quote, b'\\', rest),
                Escapes::None => memchr(quote, rest),
            };
            let Some(at) = found else {
                self.pos = self.text.len();
                return Ok(Step::Wait);
            };
            self.pos += at;
            let next = rest.get(at + 1).copied();
            if next.is_none() && more == More::Coming {
                return Ok(Step::Wait);
            }
            if rest[at] == quote && next != Some(quote) {
                self.lex = Lex::Plain;
                return self.token(kind, self.pos + 1);
            }
            self.pos = (self.pos + 2).min(self.text.len());
        }
    }

    fn word(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        let length = rest.iter().take_while(|byte| goes_on(**byte)).count();
        if length + LOOK > rest.len() && more == More::Coming {
            return wait_for(length);
        }
        let word = &rest[..length];
        let is = |other: &[u8]| word.eq_ignore_ascii_case(other);
        match &rest[length..] {
            [b'\'', ..] if is(b"E") => return self.open_text(2, Escapes::Backslash),
            [b'\'', ..] if is(b"B") => return self.open_text(2, Escapes::None),
            [b'\'', ..] | [b'&', b'\'' | b'"', ..] => {
                return Refusal::new("there is text of a kind that pg_dump does not write");
            }
            _ => {}
        }
        let end = self.pos + length;
        if self.after_colon(word) {
            return Refusal::new("there is a variable of psql");
        }
        self.nesting.word(&self.text[self.pos..end]);
        self.token(Kind::Word, end)
    }

    fn number(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        let mut length = 0;
        while let Some(byte) = rest.get(length) {
            let exponent = length > 0 && matches!(rest[length - 1], b'e' | b'E');
            if !(goes_on(*byte) || *byte == b'.' || (exponent && matches!(byte, b'+' | b'-'))) {
                break;
            }
            length += 1;
        }
        if length + LOOK > rest.len() && more == More::Coming {
            return wait_for(length);
        }
        let is_number =
            std::str::from_utf8(&rest[..length]).is_ok_and(|text| text.parse::<f64>().is_ok());
        if !is_number || rest.get(length) == Some(&b'\'') {
            return Refusal::new("there is a number that no server writes");
        }
        self.token(Kind::Number, self.pos + length)
    }

    /// Text between `$tag$` and the same again, or an argument of a function, such as `$1`.
    fn dollar(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        let name = &rest[1..];
        let in_name = |byte: &u8| goes_on(*byte) && *byte != b'$';
        let length = name.iter().take_while(|byte| in_name(byte)).count();
        if length + LOOK > name.len() && more == More::Coming {
            return wait_for(length);
        }
        let end = name.get(length);
        let digits = name[..length].iter().all(u8::is_ascii_digit);
        if length > 0 && digits && !matches!(end, Some(b'$' | b'\'')) {
            return self.token(Kind::Number, self.pos + 1 + length);
        }
        if name.first().is_some_and(u8::is_ascii_digit) || end != Some(&b'$') {
            return Refusal::new("there is a dollar sign that begins nothing");
        }
        if self.last == Some(Kind::Text) {
            return Refusal::new("there is text behind text");
        }
        let tag = rest[..length + 2].to_vec();
        self.pos += tag.len();
        self.lex = Lex::Dollar(tag);
        Ok(Step::On)
    }

    /// `psql` puts values of variables behind a single one. Its own have names in capital letters.
    fn colon(&mut self) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        match rest.get(1) {
            Some(b':') => {
                self.token(Kind::Sign(b':'), self.pos + 1)?;
                self.opened += 1;
                self.token(Kind::Sign(b':'), self.pos + 1)
            }
            Some(b'\'' | b'"' | b'{') => Refusal::new("there is a variable of psql"),
            _ => self.token(Kind::Sign(b':'), self.pos + 1),
        }
    }

    fn after_colon(&self, word: &[u8]) -> bool {
        let before = &self.text[self.start..self.pos];
        before.ends_with(b":")
            && !before.ends_with(b"::")
            && word.iter().any(u8::is_ascii_uppercase)
    }
}

fn wait_for(length: usize) -> Result<Step, Refusal> {
    match length {
        0..=LONGEST_WORD => Ok(Step::Wait),
        _ => Refusal::new("a word is longer than 1 MiB"),
    }
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn goes_on(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// What `psql` counts to know whether a semicolon ends a statement.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    pub(super) parentheses: u32,
    blocks: u32,
    /// The first letters of what the statement begins with.
    first: [u8; 4],
    words: usize,
}

impl Nesting {
    pub(super) fn is_outside(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    pub(super) fn sign(&mut self, sign: u8) {
        match sign {
            b'(' => self.parentheses += 1,
            b')' => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8]) {
        const COUNTED: &[&[u8]] = &[b"create", b"function", b"procedure", b"or", b"replace"];
        let is = |other: &[u8]| word.eq_ignore_ascii_case(other);
        if let Some(first) = self.first.get_mut(self.words)
            && COUNTED.iter().any(|known| is(known))
        {
            *first = word[0].to_ascii_lowercase();
        }
        self.words += 1;
        let makes_code = matches!(
            self.first,
            [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']
        );
        if !makes_code || self.parentheses > 0 {
            return;
        }
        if is(b"begin") || (is(b"case") && self.blocks > 0) {
            self.blocks += 1;
        } else if is(b"end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}
