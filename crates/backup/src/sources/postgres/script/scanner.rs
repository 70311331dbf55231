//! Where statements and rows begin and end, whatever the borders of the pieces that the text
//! arrives in.

use memchr::{memchr, memchr_iter};

use super::cursor::{Cursor, Kind, Token};
use super::lexing::{Lex, Nesting};
use super::passing::{Letters, Passing, Put};
use super::refusal::{Refusal, Refused};
use super::rows;
use super::statement;
use crate::ErrorKind;

/// A statement without rows is held until it is complete.
const LONGEST_STATEMENT: usize = 16 * 1024 * 1024;

/// And so is what is noted of its words.
const MOST_TOKENS: usize = 1_000_000;

/// Rows of an `INSERT` are passed on in parts of this size.
const PART: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum At {
    /// Between statements.
    #[default]
    Start,
    Comment,
    Statement,
    /// In an `INSERT`, behind `VALUES`.
    Values,
    /// At the end of the line that `COPY` is on.
    BeforeRows,
    /// Where a line of `COPY`'s rows begins.
    Row,
    InRow,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Coming,
    Over,
}

/// How much of a statement is here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Whole,
    Part,
}

/// Whether a step got somewhere, or has to wait for more text.
#[derive(PartialEq, Eq)]
pub(super) enum Step {
    On,
    Wait,
}

/// The text of a plain dump on its way.
#[derive(Debug)]
pub(in super::super) struct Script {
    passing: Passing,
    pub(super) at: At,
    pub(super) lex: Lex,
    pub(super) nesting: Nesting,
    pub(super) text: Vec<u8>,
    /// What is before it in `text` is dealt with.
    pub(super) start: usize,
    /// How far `text` was looked at.
    pub(super) pos: usize,
    /// Where the token begins that is being looked at, from `start`.
    pub(super) opened: usize,
    pub(super) tokens: Vec<Token>,
    /// The kind of the last token.
    pub(super) last: Option<Kind>,
    /// A part of the statement was passed on.
    pub(super) begun: bool,
    /// The number of the line that `start` is in.
    pub(super) line: u64,
    pub(super) line_begins: bool,
    out: Vec<u8>,
    later: Vec<u8>,
}

impl Script {
    pub(in super::super) fn new() -> Self {
        Self {
            passing: Passing::default(),
            at: At::Start,
            lex: Lex::Plain,
            nesting: Nesting::default(),
            text: Vec::new(),
            start: 0,
            pos: 0,
            opened: 0,
            tokens: Vec::new(),
            last: None,
            begun: false,
            line: 1,
            line_begins: true,
            out: Vec::new(),
            later: Vec::new(),
        }
    }

    /// Takes the next piece. What may pass of the text so far is appended to `out`.
    ///
    /// # Errors
    /// At the first statement that may not pass.
    pub(in super::super) fn pass(
        &mut self,
        piece: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let arrived = self.text.len();
        self.text.extend_from_slice(piece);
        if let Some(at) = memchr(0, piece) {
            self.pos = arrived + at;
            self.at = At::InRow;
            return self.placed(Refusal::new("there is a byte that is zero"));
        }
        let run = self.run(More::Coming);
        self.placed(run)?;
        out.append(&mut self.out);
        Ok(())
    }

    /// No more pieces come.
    ///
    /// # Errors
    /// When it ends in the middle of something.
    pub(in super::super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let run = self.run(More::Over);
        self.placed(run)?;
        let outside = matches!(self.lex, Lex::Plain | Lex::Comment) && self.nesting.is_outside();
        if self.at == At::Statement && outside {
            let ended = self.end_statement(self.pos);
            self.placed(ended)?;
        }
        if !matches!(self.at, At::Start | At::Comment) {
            return Err(Refused {
                line: self.line,
                why: "it ends in the middle of a statement".to_owned(),
                help: None,
                kind: ErrorKind::Corrupt,
            });
        }
        out.append(&mut self.out);
        if !self.later.is_empty() {
            out.extend_from_slice(b"\nRESET SESSION AUTHORIZATION;\n");
            out.append(&mut self.later);
        }
        Ok(())
    }

    fn placed<T>(&self, result: Result<T, Refusal>) -> Result<T, Refused> {
        result.map_err(|refusal| {
            let seen = match self.lex {
                // The statement is what is wrong, and not its last line.
                Lex::Plain if self.at == At::Statement => self.start,
                _ => self.pos.min(self.text.len()),
            };
            let lines = memchr_iter(b'\n', &self.text[self.start..seen]).count();
            Refused {
                line: self.line + lines as u64,
                why: refusal.why,
                help: refusal.help,
                kind: ErrorKind::InvalidInput,
            }
        })
    }

    fn run(&mut self, more: More) -> Result<(), Refusal> {
        while self.pos < self.text.len() {
            let step = match self.at {
                At::Start => self.between(more)?,
                At::Comment => self.comment(),
                At::Statement | At::Values => self.lex(more)?,
                At::BeforeRows => self.before_rows(more)?,
                At::Row => self.row(more),
                At::InRow => self.in_row(),
            };
            if step == Step::Wait {
                break;
            }
        }
        if self.at == At::Values && self.pos - self.start > PART {
            self.begin(Held::Part)?;
            self.give(self.pos);
        }
        if self.text.len() - self.start > LONGEST_STATEMENT {
            return Refusal::new("a statement is longer than 16 MiB");
        }
        self.text.drain(..self.start);
        self.pos -= self.start;
        self.start = 0;
        Ok(())
    }

    pub(super) fn give(&mut self, to: usize) {
        self.out.extend_from_slice(&self.text[self.start..to]);
        self.leave_out(to);
    }

    fn leave_out(&mut self, to: usize) {
        self.line += memchr_iter(b'\n', &self.text[self.start..to]).count() as u64;
        self.line_begins =
            self.text[..to].ends_with(b"\n") || (to == self.start && self.line_begins);
        self.start = to;
        self.pos = self.pos.max(to);
    }

    /// Notes a token that ends here.
    pub(super) fn token(&mut self, kind: Kind, end: usize) -> Result<Step, Refusal> {
        let begin = self.start + self.opened;
        let before = self.last.replace(kind);
        self.pos = end;
        if self.at == At::Values {
            let text = self.text.get(begin..end).unwrap_or_default();
            if !rows::is_value(kind, text, self.nesting.parentheses) {
                return Refusal::new("there is a value that is not written out");
            }
        } else if self.tokens.len() == MOST_TOKENS {
            return Refusal::new("a statement has more than a million words");
        } else {
            self.tokens.push(Token {
                kind,
                at: self.opened..end - self.start,
            });
            if kind == Kind::Word && self.nesting.is_outside() {
                self.look_for_values(before)?;
            }
        }
        if let Kind::Sign(sign) = kind {
            self.nesting.sign(sign);
        }
        Ok(Step::On)
    }

    /// From `INSERT ... VALUES` on, nothing is held: a row may be long, and there may be many.
    fn look_for_values(&mut self, before: Option<Kind>) -> Result<(), Refusal> {
        let text = &self.text[self.start..self.pos];
        let word = |at: usize| {
            self.tokens
                .get(at)
                .and_then(|token| text.get(token.at.clone()))
        };
        let is = |found: Option<&[u8]>, word: &[u8]| {
            found.is_some_and(|found| found.eq_ignore_ascii_case(word))
        };
        let last = self.tokens.len() - 1;
        if !is(word(0), b"INSERT") || !is(word(last), b"VALUES") {
            return Ok(());
        }
        if before == Some(Kind::Word) && is(word(last - 1), b"DEFAULT") {
            return Ok(());
        }
        let table = rows::insert(Cursor::new(text, &self.tokens))?;
        self.passing
            .statement(statement::Statement::Insert(table))?;
        self.at = At::Values;
        Ok(())
    }

    /// Behind a semicolon outside of quotes.
    pub(super) fn semicolon(&mut self) -> Result<Step, Refusal> {
        if self.nesting.is_outside() {
            self.end_statement(self.pos - 1)?;
            return Ok(Step::On);
        }
        self.token(Kind::Sign(b';'), self.pos)
    }

    /// The statement ends at `end`, and what ends it at `pos`.
    fn end_statement(&mut self, end: usize) -> Result<(), Refusal> {
        if self.at == At::Values {
            self.begin(Held::Whole)?;
            self.give(self.pos);
            self.at = At::Start;
            return Ok(());
        }
        let text = &self.text[self.start..end];
        let statement = statement::read(Cursor::new(text, &self.tokens))?;
        let put = self.passing.statement(statement)?;
        match put {
            Put::AsItIs | Put::BeforeRows => {
                self.begin(Held::Whole)?;
                self.give(self.pos);
            }
            Put::AtTheEnd => {
                if self.later.len() + text.len() > PART {
                    return Refusal::new("there are too many event triggers");
                }
                self.later.push(b'\n');
                self.later
                    .extend_from_slice(self.passing.settings_again(Letters::of(text))?.as_bytes());
                self.later.extend_from_slice(text);
                self.later.extend_from_slice(b"\n;\n");
                self.leave_out(self.pos);
            }
            Put::Nothing => self.leave_out(self.pos),
        }
        self.at = match put {
            Put::BeforeRows => At::BeforeRows,
            _ => At::Start,
        };
        Ok(())
    }

    /// Before the first part of a statement is passed on. If it could be read in two ways, the
    /// settings that decide it are made again, in a line before it: what ran until then may have
    /// changed them, and `psql` goes by them.
    fn begin(&mut self, held: Held) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let text = &self.text[self.start..self.pos];
        let letters = match held {
            Held::Whole => Letters::of(text),
            Held::Part => Letters::Any,
        };
        if letters == Letters::Ascii && memchr(b'\\', text).is_none() {
            return Ok(());
        }
        let again = self.passing.settings_again(letters)?;
        self.out.push(b'\n');
        self.out.extend_from_slice(again.as_bytes());
        Ok(())
    }
}
