//! Where statements, rows and values begin and end in the text of a dump, whatever the borders of
//! the pieces it arrives in.
//!
//! It sees the text as the server's own client does. Where the two could see different things,
//! the text is refused.

mod inside;

/// Why a text is not taken for a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

impl Refusal {
    pub(super) fn new<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self(why.into()))
    }
}

/// Is told what is in the text.
pub(super) trait Reader {
    /// A statement without what ends it. Says what to pass on.
    fn statement(&mut self, text: &[u8]) -> Result<Put, Refusal>;

    /// An `INSERT` up to and including its `VALUES`.
    fn insert(&mut self, head: &[u8]) -> Result<(), Refusal>;

    /// The beginning, or the middle, of a long value.
    fn part_of_value(&mut self, part: &[u8]) -> Result<(), Refusal>;

    /// A value, or the rest of a long one.
    fn value(&mut self, text: &[u8]) -> Result<(), Refusal>;

    /// The row that these values made is complete.
    fn row(&mut self) -> Result<(), Refusal>;

    /// A comment between statements.
    fn comment(&mut self, text: &[u8]);

    /// Whether a backslash means something inside of quotes, as the statements until now say.
    fn escapes(&self) -> Escapes;
}

/// What is passed on in place of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    AsItIs,
    Instead(Vec<u8>),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    Backslash,
    None,
}

/// What becomes of comments between statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comments {
    Keep,
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Between statements.
    Start,
    LineComment,
    BlockComment,
    Statement,
    /// In an `INSERT`, before `VALUES`.
    Head,
    BetweenRows,
    InRow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lex {
    Plain,
    Quote(u8),
    Line,
    Block,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Coming,
    Over,
}

/// Whether a step got somewhere, or has to wait for more text.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    Wait,
}

/// A statement other than an `INSERT` is held until it is complete. The server takes no longer one.
const LONGEST_STATEMENT: usize = 64 * 1024 * 1024;

/// A value longer than this is handed on in parts.
const LONG_VALUE: usize = 256 * 1024;

/// Enough to tell what follows.
const LOOK: usize = 16;

pub(super) struct Scanner<R> {
    reader: R,
    comments: Comments,
    delimiter: Vec<u8>,
    at: At,
    lex: Lex,
    /// Parentheses open in the head of an `INSERT`.
    depth: u32,
    line_begins: bool,
    text: Vec<u8>,
    /// What is before it in `text` is dealt with.
    start: usize,
    /// How far `text` was looked at.
    pos: usize,
    out: Vec<u8>,
}

impl<R: Reader> Scanner<R> {
    pub(super) fn new(reader: R, comments: Comments) -> Self {
        Self {
            reader,
            comments,
            delimiter: b";".to_vec(),
            at: At::Start,
            lex: Lex::Plain,
            depth: 0,
            line_begins: true,
            text: Vec::new(),
            start: 0,
            pos: 0,
            out: Vec::new(),
        }
    }

    /// Takes the next piece. What can be passed on is in `out` then.
    pub(super) fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.text.extend_from_slice(piece);
        self.run(More::Coming)?;
        self.hand_over(out);
        Ok(())
    }

    /// No more pieces come.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.run(More::Over)?;
        self.hand_over(out);
        match self.at {
            At::Start => Ok(()),
            _ => Refusal::new("it ends in the middle of a statement"),
        }
    }

    pub(super) fn reader(&self) -> &R {
        &self.reader
    }

    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    fn hand_over(&mut self, out: &mut Vec<u8>) {
        out.clear();
        std::mem::swap(out, &mut self.out);
    }

    fn run(&mut self, more: More) -> Result<(), Refusal> {
        while self.pos < self.text.len() || (more == More::Over && self.start < self.pos) {
            let step = match self.at {
                At::Start => self.between(more)?,
                At::LineComment => self.line_comment(more),
                At::BlockComment => self.block_comment(),
                At::Statement => self.statement(more)?,
                At::Head => self.head(more)?,
                At::BetweenRows => self.between_rows()?,
                At::InRow => self.in_row(more)?,
            };
            if step == Step::Wait {
                break;
            }
        }
        if self.at == At::InRow && self.pos - self.start > LONG_VALUE {
            self.reader
                .part_of_value(&self.text[self.start..self.pos])?;
            self.pass_on(self.pos);
        }
        if self.text.len() - self.start > LONGEST_STATEMENT {
            return Refusal::new("a statement is longer than 64 MiB");
        }
        self.text.drain(..self.start);
        self.pos -= self.start;
        self.start = 0;
        Ok(())
    }

    fn pass_on(&mut self, to: usize) {
        self.out.extend_from_slice(&self.text[self.start..to]);
        self.leave_out(to);
    }

    fn leave_out(&mut self, to: usize) {
        self.start = to;
        self.pos = self.pos.max(to);
    }

    fn between(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        if rest.is_empty() {
            return Ok(Step::Wait);
        }
        if rest[0].is_ascii_whitespace() {
            self.line_begins |= rest[0] == b'\n';
            self.pass_on(self.pos + 1);
            return Ok(Step::On);
        }
        if rest.len() < LOOK && more == More::Coming {
            return Ok(Step::Wait);
        }
        if rest.starts_with(b"#") || rest.starts_with(b"--") {
            self.at = At::LineComment;
            return Ok(Step::On);
        }
        let conditional = rest.starts_with(b"/*!") || rest.starts_with(b"/*M!");
        // For no version at all: it makes the client that wrote it refuse its own commands.
        if rest.starts_with(b"/*M!999999") || (rest.starts_with(b"/*") && !conditional) {
            self.at = At::BlockComment;
            self.pos += 2;
            return Ok(Step::On);
        }
        if is_word(rest, b"DELIMITER") {
            return self.new_delimiter(more);
        }
        if rest.starts_with(&self.delimiter) {
            self.pass_on(self.pos + self.delimiter.len());
            return Ok(Step::On);
        }
        self.line_begins = false;
        self.lex = Lex::Plain;
        self.at = At::Statement;
        if is_word(rest, b"INSERT") || is_word(rest, b"REPLACE") {
            if self.delimiter != b";" {
                return Refusal::new("rows come under another delimiter");
            }
            self.at = At::Head;
            self.depth = 0;
        }
        Ok(Step::On)
    }

    /// A line for the client and not for the server.
    fn new_delimiter(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            if more == More::Over || rest.len() > 1024 {
                return Refusal::new("a delimiter is cut off");
            }
            return Ok(Step::Wait);
        };
        let delimiter = rest[b"DELIMITER".len()..end].trim_ascii();
        let known = !delimiter.is_empty() && delimiter.iter().all(|byte| b";$/|".contains(byte));
        if !self.line_begins || !known || delimiter.len() > LOOK {
            return Refusal::new("a delimiter is not one that dumps have");
        }
        self.delimiter = delimiter.to_vec();
        self.pass_on(self.pos + end + 1);
        Ok(Step::On)
    }

    fn line_comment(&mut self, more: More) -> Step {
        let found = self.text[self.pos..].iter().position(|byte| *byte == b'\n');
        let end = match (found, more) {
            (Some(length), _) => self.pos + length,
            (None, More::Over) => self.text.len(),
            (None, More::Coming) => {
                self.pos = self.text.len();
                return Step::Wait;
            }
        };
        self.reader.comment(&self.text[self.start..end]);
        let behind = (end + 1).min(self.text.len());
        self.end_comment(behind);
        self.line_begins = true;
        Step::On
    }

    fn block_comment(&mut self) -> Step {
        let rest = &self.text[self.pos..];
        let Some(length) = rest.windows(2).position(|pair| pair == b"*/") else {
            self.pos = self.pos.max(self.text.len() - 1);
            return Step::Wait;
        };
        self.end_comment(self.pos + length + 2);
        Step::On
    }

    fn end_comment(&mut self, behind: usize) {
        match self.comments {
            Comments::Keep => self.pass_on(behind),
            Comments::Drop => self.leave_out(behind),
        }
        self.at = At::Start;
    }
}

/// Two dashes alone are an arithmetic expression.
pub(super) fn begins_comment(rest: &[u8]) -> bool {
    rest.starts_with(b"--")
        && rest
            .get(2)
            .is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn is_word(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len()
        && text[..word.len()].eq_ignore_ascii_case(word)
        && !text.get(word.len()).is_some_and(|byte| is_letter(*byte))
}
