//! The words of one statement.

use super::scanner::{Escapes, Refusal, begins_comment, is_letter};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword, a bare name, a number.
    Word,
    /// A name in backticks.
    Name,
    /// Text in quotes.
    Text,
    /// Any other byte.
    Sign(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Where it begins in the statement.
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub(super) fn is_sign(&self, sign: u8) -> bool {
        self.kind == Kind::Sign(sign)
    }

    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// What it names, without quotes.
    pub(super) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Name => {
                let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
                Some(inner.replace("``", "`"))
            }
            // A name if `ANSI_QUOTES` is on, and where there has to be one, an error if not.
            Kind::Text if self.text.starts_with('"') => {
                let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
                Some(inner.replace("\"\"", "\""))
            }
            _ => None,
        }
    }
}

/// A statement in words, and as it would be without version comments.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    pub(super) list: Vec<Token<'a>>,
    /// Byte ranges that only mark versions.
    marks: Vec<(usize, usize)>,
    text: &'a str,
}

/// The last versions that dumps are known to make things depend on. What is for a later one is not
/// seen by the server, and must not be taken for something that is.
const LAST_VERSION: u32 = 80_100;
const LAST_OF_MARIADB: u32 = 119_999;

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a [u8], escapes: Escapes) -> Result<Self, Refusal> {
        let Ok(text) = std::str::from_utf8(text) else {
            return Refusal::new("a statement is not in UTF-8");
        };
        let mut tokens = Self {
            list: Vec::new(),
            marks: Vec::new(),
            text,
        };
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let (kind, length) = match rest[0] {
                byte if byte.is_ascii_whitespace() => (None, 1),
                b'`' => (Some(Kind::Name), quote_length(rest, b'`', Escapes::None)?),
                quote @ (b'\'' | b'"') => (Some(Kind::Text), quote_length(rest, quote, escapes)?),
                b'#' => (None, line_length(rest)),
                b'-' if begins_comment(rest) => (None, line_length(rest)),
                b'/' if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") => {
                    let length = version_length(rest)?;
                    tokens.marks.push((at, at + length));
                    (None, length)
                }
                b'/' if rest.starts_with(b"/*") => {
                    let end = rest.windows(2).skip(2).position(|pair| pair == b"*/");
                    match end {
                        Some(end) => (None, end + 4),
                        None => return Refusal::new("a comment has no end"),
                    }
                }
                b'*' if rest.starts_with(b"*/") => {
                    tokens.marks.push((at, at + 2));
                    (None, 2)
                }
                byte if is_letter(byte) => {
                    let length = rest.iter().take_while(|byte| is_letter(**byte)).count();
                    (Some(Kind::Word), length)
                }
                byte => (Some(Kind::Sign(byte)), 1),
            };
            if let Some(kind) = kind {
                tokens.list.push(Token {
                    kind,
                    text: &text[at..at + length],
                    at,
                });
            }
            at += length;
        }
        Ok(tokens)
    }

    /// The statement as every version reads it.
    pub(super) fn plain(&self) -> String {
        self.plain_between(0, self.text.len())
    }

    /// The same of a part of it.
    pub(super) fn plain_between(&self, begin: usize, end: usize) -> String {
        let mut plain = String::new();
        let mut from = begin;
        for (mark, behind) in &self.marks {
            if (from..end).contains(mark) {
                plain.push_str(&self.text[from..*mark]);
                from = *behind;
            }
        }
        plain.push_str(self.text.get(from..end).unwrap_or_default());
        plain.trim().to_owned()
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }
}

fn quote_length(rest: &[u8], quote: u8, escapes: Escapes) -> Result<usize, Refusal> {
    let mut at = 1;
    while at < rest.len() {
        if rest[at] == b'\\' && escapes == Escapes::Backslash {
            at += 2;
        } else if rest[at] == quote {
            if rest.get(at + 1) != Some(&quote) {
                return Ok(at + 1);
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    Refusal::new("a quote has no end")
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len())
}

fn version_length(rest: &[u8]) -> Result<usize, Refusal> {
    let (mark, last) = if rest.starts_with(b"/*M!") {
        (4, LAST_OF_MARIADB)
    } else {
        (3, LAST_VERSION)
    };
    let digits = rest[mark..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let version = std::str::from_utf8(&rest[mark..mark + digits])
        .ok()
        .and_then(|digits| digits.parse::<u32>().ok());
    match version {
        Some(version) if digits >= 5 && version <= last => Ok(mark + digits),
        _ => Refusal::new("something is for a version that is not known"),
    }
}
