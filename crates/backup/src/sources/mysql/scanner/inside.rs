//! Inside of statements and rows.

use super::{
    At, Escapes, LOOK, Lex, More, Put, Reader, Refusal, Scanner, Step, begins_comment, is_letter,
    is_word,
};

impl<R: Reader> Scanner<R> {
    pub(super) fn statement(&mut self, more: More) -> Result<Step, Refusal> {
        if self.lex != Lex::Plain {
            return Ok(self.inside(more));
        }
        let rest = &self.text[self.pos..];
        if rest.is_empty() || (rest.len() < LOOK && more == More::Coming) {
            return Ok(Step::Wait);
        }
        if rest.starts_with(&self.delimiter) {
            return self.end_statement();
        }
        let length = match rest[0] {
            quote @ (b'\'' | b'"' | b'`') => {
                self.lex = Lex::Quote(quote);
                1
            }
            b'#' => {
                self.lex = Lex::Line;
                1
            }
            b'-' if begins_comment(rest) => {
                self.lex = Lex::Line;
                2
            }
            b'/' if rest.starts_with(b"/*!") => 3,
            b'/' if rest.starts_with(b"/*M!") => 4,
            b'/' if rest.starts_with(b"/*") => {
                self.lex = Lex::Block;
                2
            }
            // A command of the client's.
            b'\\' => return Refusal::new("there is a backslash outside of quotes"),
            _ => 1,
        };
        self.pos += length;
        Ok(Step::On)
    }

    fn end_statement(&mut self) -> Result<Step, Refusal> {
        let text = &self.text[self.start..self.pos];
        let behind = self.pos + self.delimiter.len();
        match self.reader.statement(text)? {
            Put::AsItIs => self.pass_on(behind),
            Put::Instead(other) => {
                self.out.extend_from_slice(&other);
                self.out.extend_from_slice(&self.delimiter);
                self.leave_out(behind);
            }
            Put::Nothing => self.leave_out(behind),
        }
        self.at = At::Start;
        Ok(Step::On)
    }

    /// Inside of quotes, or of a comment in a statement.
    fn inside(&mut self, more: More) -> Step {
        let rest = &self.text[self.pos..];
        let escapes = self.reader.escapes() == Escapes::Backslash;
        let (length, over) = match self.lex {
            Lex::Plain => (0, true),
            Lex::Line => match rest.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (rest.len(), false),
            },
            Lex::Block => match rest.windows(2).position(|pair| pair == b"*/") {
                Some(at) => (at + 2, true),
                None => (rest.len().saturating_sub(1), false),
            },
            Lex::Quote(quote) => match end_of_quote(rest, quote, escapes && quote != b'`') {
                QuoteEnd::At(at) => (at + 1, true),
                QuoteEnd::Beyond(seen) => (seen, false),
            },
        };
        self.pos += length;
        if over {
            self.lex = Lex::Plain;
        } else if more == More::Coming || length == 0 {
            return Step::Wait;
        }
        Step::On
    }

    pub(super) fn head(&mut self, more: More) -> Result<Step, Refusal> {
        if self.lex != Lex::Plain {
            return Ok(self.inside(more));
        }
        let rest = &self.text[self.pos..];
        if rest.is_empty() || (rest.len() < LOOK && more == More::Coming) {
            return Ok(Step::Wait);
        }
        match rest[0] {
            quote @ (b'\'' | b'"' | b'`') => self.lex = Lex::Quote(quote),
            b'(' => self.depth += 1,
            b')' => self.depth = self.depth.saturating_sub(1),
            b';' => return Refusal::new("an INSERT has no VALUES"),
            b'\\' | b'/' | b'#' | b'-' => {
                return Refusal::new("there is a comment in an INSERT");
            }
            _ if self.depth == 0
                && !self.text[self.start..self.pos]
                    .last()
                    .is_some_and(|b| is_letter(*b))
                && is_word(rest, b"VALUES") =>
            {
                let end = self.pos + b"VALUES".len();
                self.reader.insert(&self.text[self.start..end])?;
                self.pass_on(end);
                self.at = At::BetweenRows;
                return Ok(Step::On);
            }
            _ => {}
        }
        self.pos += 1;
        Ok(Step::On)
    }

    pub(super) fn between_rows(&mut self) -> Result<Step, Refusal> {
        let Some(byte) = self.text.get(self.pos).copied() else {
            return Ok(Step::Wait);
        };
        self.pass_on(self.pos + 1);
        match byte {
            b'(' => {
                self.at = At::InRow;
                self.lex = Lex::Plain;
            }
            b';' => self.at = At::Start,
            b',' => {}
            _ if byte.is_ascii_whitespace() => {}
            _ => return Refusal::new("there is something else between rows"),
        }
        Ok(Step::On)
    }

    pub(super) fn in_row(&mut self, more: More) -> Result<Step, Refusal> {
        if self.lex != Lex::Plain {
            return Ok(self.inside(more));
        }
        let rest = &self.text[self.pos..];
        let special = |byte: &u8| b"'\"`,)(;\\#/-".contains(byte);
        let Some(at) = rest.iter().position(special) else {
            self.pos = self.text.len();
            return Ok(Step::Wait);
        };
        let byte = rest[at];
        match byte {
            b',' | b')' => {
                let end = self.pos + at;
                self.reader.value(&self.text[self.start..end])?;
                self.pass_on(end + 1);
                if byte == b')' {
                    self.reader.row()?;
                    self.at = At::BetweenRows;
                }
                return Ok(Step::On);
            }
            b'\'' | b'"' | b'`' => self.lex = Lex::Quote(byte),
            b'-' => match rest.get(at + 1) {
                None if more == More::Coming => {
                    self.pos += at;
                    return Ok(Step::Wait);
                }
                Some(b'-') | None => return Refusal::new("there is a comment in a row"),
                Some(_) => {}
            },
            b'(' => return Refusal::new("there is a value that is not written out"),
            _ => return Refusal::new("a row is cut off"),
        }
        self.pos += at + 1;
        Ok(Step::On)
    }
}

enum QuoteEnd {
    At(usize),
    /// Not in what is here; so much of it need not be looked at again.
    Beyond(usize),
}

fn end_of_quote(rest: &[u8], quote: u8, escapes: bool) -> QuoteEnd {
    let mut seen = 0;
    while let Some(found) = rest[seen..]
        .iter()
        .position(|byte| *byte == quote || (escapes && *byte == b'\\'))
    {
        let at = seen + found;
        if rest[at] == quote {
            return QuoteEnd::At(at);
        }
        if at + 1 == rest.len() {
            return QuoteEnd::Beyond(at);
        }
        seen = at + 2;
    }
    QuoteEnd::Beyond(rest.len())
}
