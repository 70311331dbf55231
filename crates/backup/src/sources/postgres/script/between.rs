//! Between statements, and the rows of `COPY` behind them.

use memchr::{memchr, memmem, memrchr};

use super::lexing::{Lex, Nesting};
use super::refusal::Refusal;
use super::scanner::{At, More, Script, Step};

/// Means something at the very beginning only.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Script {
    pub(super) fn between(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        if rest[0].is_ascii_whitespace() || rest[0] == b';' {
            self.give(self.pos + 1);
            return Ok(Step::On);
        }
        if rest.len() < BYTE_ORDER_MARK.len() && more == More::Coming {
            return Ok(Step::Wait);
        }
        if self.line == 1 && self.line_begins && rest.starts_with(BYTE_ORDER_MARK) {
            self.give(self.pos + BYTE_ORDER_MARK.len());
            return Ok(Step::On);
        }
        if rest.starts_with(b"--") {
            self.at = At::Comment;
            return Ok(Step::On);
        }
        if rest[0] == b'\\' {
            return self.command(more);
        }
        self.at = At::Statement;
        self.lex = Lex::Plain;
        self.nesting = Nesting::default();
        self.tokens.clear();
        self.last = None;
        self.begun = false;
        Ok(Step::On)
    }

    pub(super) fn comment(&mut self) -> Step {
        let rest = &self.text[self.pos..];
        match rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(end) => {
                self.give(self.pos + end);
                self.at = At::Start;
                Step::On
            }
            None => {
                self.give(self.text.len());
                Step::Wait
            }
        }
    }

    /// What dumps have of `psql`'s own commands: the two that keep it from running any.
    fn command(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        let end = match memchr(b'\n', rest) {
            Some(end) => end + 1,
            None if more == More::Coming && rest.len() < 1024 => return Ok(Step::Wait),
            None => rest.len(),
        };
        let mut words = rest[..end].split(u8::is_ascii_whitespace);
        let name = words.next().unwrap_or_default();
        let known = matches!(name, b"\\restrict" | b"\\unrestrict");
        let is_key = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric);
        let key = words.next().is_some_and(is_key) && words.all(<[u8]>::is_empty);
        if known && key && self.line_begins {
            self.give(self.pos + end);
            return Ok(Step::On);
        }
        let name = String::from_utf8_lossy(name);
        let name: String = name.chars().take(20).collect();
        let why = format!("commands of psql, such as {name}, are not run");
        match name.starts_with("\\c") {
            true => Refusal::with_help(
                why,
                "it would leave the new database: dump with pg_dump without --create",
            ),
            false => Refusal::new(why),
        }
    }

    /// What stands behind `COPY` in its line, `psql` would take for a statement behind the rows.
    pub(super) fn before_rows(&mut self, more: More) -> Result<Step, Refusal> {
        let rest = &self.text[self.pos..];
        let length = match rest {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            [b'\r'] if more == More::Coming => return Ok(Step::Wait),
            _ => return Refusal::new("there is something between COPY and its rows"),
        };
        self.give(self.pos + length);
        self.at = At::Row;
        Ok(Step::On)
    }

    pub(super) fn row(&mut self, more: More) -> Step {
        const LAST: [&[u8]; 2] = [b"\\.\n", b"\\.\r\n"];
        let rest = &self.text[self.pos..];
        if let Some(last) = LAST.iter().find(|last| rest.starts_with(last)) {
            self.give(self.pos + last.len());
            self.at = At::Start;
        } else if more == More::Coming && LAST.iter().any(|last| last.starts_with(rest)) {
            return Step::Wait;
        } else {
            self.at = At::InRow;
        }
        Step::On
    }

    pub(super) fn in_row(&mut self) -> Step {
        // On to the next line that could be the last one.
        let rest = &self.text[self.pos..];
        if let Some(found) = memmem::find(rest, b"\n\\.") {
            self.give(self.pos + found + 1);
            self.at = At::Row;
            return Step::On;
        }
        // The last line may go on.
        match memrchr(b'\n', rest) {
            Some(found) => {
                self.give(self.pos + found + 1);
                self.at = At::Row;
                Step::On
            }
            None => {
                self.give(self.text.len());
                Step::Wait
            }
        }
    }
}
