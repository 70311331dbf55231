//! Cuts a script into statements as the `mysql` client does, and bodies of routines also where
//! no DELIMITER protects them.

/// One statement: where it is, and its text with the marks of `/*! … */` blanked, so that what
/// such a comment holds is read as the server reads it.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
    /// A quote, a comment or a BEGIN that never ends: what follows may be hidden in it.
    pub(super) unclosed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    /// Where each comment starts, and its text.
    pub(super) comments: Vec<(usize, String)>,
}

pub(super) fn split(text: &str) -> Pieces {
    let mut splitter = Splitter {
        text,
        bytes: text.as_bytes(),
        at: if text.starts_with('\u{feff}') { 3 } else { 0 },
        delimiter: ";".to_owned(),
        out: Pieces::default(),
        piece: Open::default(),
    };
    splitter.run();
    splitter.out
}

/// The statement that is being read.
#[derive(Debug, Default)]
struct Open {
    /// Of its first sign that is neither space nor comment.
    start: Option<usize>,
    end: usize,
    /// Ranges to blank: the marks of version comments.
    blank: Vec<(usize, usize)>,
    version_comment: bool,
    unclosed: bool,
    head: Head,
    words: usize,
    /// Open BEGIN and CASE of a routine's body.
    depth: usize,
    /// The word before was END, and it closed something.
    after_end: Option<bool>,
}

/// What the first words say about a body with semicolons of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Head {
    #[default]
    Unknown,
    Begin,
    Create,
    Plain,
    Routine,
}

struct Splitter<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    delimiter: String,
    out: Pieces,
    piece: Open,
}

impl Splitter<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            let next = self.bytes.get(self.at + 1).copied();
            match byte {
                _ if self.at_delimiter() => {
                    self.at += self.delimiter.len();
                    self.close();
                }
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => self.at += 1,
                b'#' => self.line_comment(),
                // MySQL wants a space behind the dashes: `5--3` is a sum.
                b'-' if next == Some(b'-')
                    && self.bytes.get(self.at + 2).is_none_or(|b| *b <= b' ') =>
                {
                    self.line_comment();
                }
                b'/' if next == Some(b'*') => self.block_comment(),
                b'*' if next == Some(b'/') && self.piece.version_comment => {
                    self.piece.version_comment = false;
                    self.blank(self.at, self.at + 2);
                    self.at += 2;
                }
                b'\'' | b'"' | b'`' => self.quoted(byte),
                _ if byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b'$')
                    || byte >= 0x80 =>
                {
                    self.word();
                }
                _ => {
                    let from = self.at;
                    self.at += 1;
                    self.code(from, self.at);
                }
            }
        }
        self.piece.unclosed |= self.piece.depth > 0 || self.piece.version_comment;
        self.close();
    }

    fn at_delimiter(&self) -> bool {
        let inside = self.delimiter == ";" && (self.piece.depth > 0 || self.piece.version_comment);
        !inside && self.bytes[self.at..].starts_with(self.delimiter.as_bytes())
    }

    /// Bytes that belong to the statement.
    fn code(&mut self, from: usize, to: usize) {
        self.piece.start.get_or_insert(from);
        self.piece.end = to;
    }

    fn blank(&mut self, from: usize, to: usize) {
        self.piece.blank.push((from, to));
    }

    fn close(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        let Some(start) = piece.start else {
            return;
        };
        let mut text = self.text[start..piece.end].to_owned();
        for (from, to) in piece.blank {
            // A mark before the first or behind the last sign is no part of the statement.
            if from >= start && to <= piece.end {
                text.replace_range(from - start..to - start, &" ".repeat(to - from));
            }
        }
        self.out.pieces.push(Piece {
            start,
            end: piece.end,
            text,
            unclosed: piece.unclosed,
        });
    }

    fn line_comment(&mut self) {
        let from = self.at;
        self.at = find(self.bytes, from, b"\n").unwrap_or(self.bytes.len());
        let text = self.text[from..self.at].trim_end().to_owned();
        self.out.comments.push((from, text));
    }

    fn block_comment(&mut self) {
        let from = self.at;
        let inner = &self.bytes[from + 2..];
        let mark = if inner.starts_with(b"!") {
            Some(3)
        } else if inner.starts_with(b"M!") {
            Some(4)
        } else {
            None
        };
        if let Some(mark) = mark {
            let digits = self.bytes[from + mark..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            // The first line of a dump, `/*M!999999\- … */`: no server is that new.
            let never = self.text[from + mark..from + mark + digits].starts_with("9999");
            if never {
                self.plain_comment(from);
                return;
            }
            self.piece.version_comment = true;
            self.at = from + mark + digits;
            self.blank(from, self.at);
            return;
        }
        self.plain_comment(from);
    }

    fn plain_comment(&mut self, from: usize) {
        let end = find(self.bytes, from + 2, b"*/");
        if end.is_none() {
            // The server would wait for the end: nothing behind it is a statement.
            self.code(from, self.bytes.len());
            self.piece.unclosed = true;
        }
        self.at = end.map_or(self.bytes.len(), |end| end + 2);
        self.out
            .comments
            .push((from, self.text[from..self.at].to_owned()));
    }

    fn quoted(&mut self, quote: u8) {
        let from = self.at;
        let mut at = from + 1;
        let closed = loop {
            match self.bytes.get(at) {
                None => break false,
                Some(b'\\') if quote != b'`' => at += 2,
                Some(byte) if *byte == quote => {
                    at += 1;
                    if self.bytes.get(at) != Some(&quote) {
                        break true;
                    }
                    at += 1;
                }
                Some(_) => at += 1,
            }
        };
        self.at = at.min(self.bytes.len());
        self.piece.unclosed |= !closed;
        self.code(from, self.at);
        self.piece.after_end = None;
        self.piece.words += 1;
    }

    fn word(&mut self) {
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(|b| {
            (b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || *b >= 0x80)
                && !(self.at > from && self.at_delimiter())
        }) {
            self.at += 1;
        }
        let word = self.text.get(from..self.at).unwrap_or_default();
        if self.piece.start.is_none() && word.eq_ignore_ascii_case("delimiter") {
            self.new_delimiter();
            return;
        }
        let word = word.to_ascii_uppercase();
        self.head(&word);
        if self.piece.head == Head::Routine {
            self.body(&word);
        }
        self.code(from, self.at);
    }

    /// `DELIMITER //`: a command of the client, to the end of its line.
    fn new_delimiter(&mut self) {
        let end = find(self.bytes, self.at, b"\n").unwrap_or(self.bytes.len());
        let word = self.text[self.at..end].split_whitespace().next();
        if let Some(word) = word {
            self.delimiter = word.to_owned();
        }
        self.at = end;
        self.piece = Open::default();
    }

    fn head(&mut self, word: &str) {
        let piece = &mut self.piece;
        piece.words += 1;
        piece.head = match (piece.head, word) {
            (Head::Unknown, "CREATE") => Head::Create,
            (Head::Unknown, "BEGIN") => Head::Begin,
            // MariaDB's BEGIN NOT ATOMIC … END.
            (Head::Begin, "NOT") => {
                piece.depth = 1;
                Head::Routine
            }
            (Head::Create, "PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" | "PACKAGE") => {
                Head::Routine
            }
            (
                Head::Create,
                "TABLE" | "INDEX" | "VIEW" | "DATABASE" | "SCHEMA" | "USER" | "ROLE" | "UNIQUE"
                | "FULLTEXT" | "SPATIAL" | "TEMPORARY" | "SEQUENCE" | "SERVER" | "TABLESPACE",
            ) => Head::Plain,
            (Head::Create, _) if piece.words > 20 => Head::Plain,
            (Head::Unknown | Head::Begin, _) => Head::Plain,
            (head, _) => head,
        };
    }

    /// IF, LOOP, WHILE and REPEAT close with two words, so only BEGIN and CASE are counted.
    fn body(&mut self, word: &str) {
        let after_end = std::mem::take(&mut self.piece.after_end);
        match word {
            // END IF closed nothing that was counted.
            "IF" | "LOOP" | "WHILE" | "REPEAT" if after_end.is_some() => {
                self.piece.depth += usize::from(after_end == Some(true));
            }
            "CASE" if after_end.is_some() => {}
            "BEGIN" | "CASE" => self.piece.depth += 1,
            "END" => {
                self.piece.after_end = Some(self.piece.depth > 0);
                self.piece.depth = self.piece.depth.saturating_sub(1);
            }
            _ => {}
        }
    }
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len())
        .position(|w| w == wanted)
        .map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        split(sql).pieces.into_iter().map(|p| p.text).collect()
    }

    #[test]
    fn quotes_and_comments_hide_semicolons() {
        let sql = "SELECT 'a;\\';b', \"c;\", `d;`; -- e;\n# f;\n/* g; */ SELECT 5--3;;";
        assert_eq!(
            texts(sql),
            ["SELECT 'a;\\';b', \"c;\", `d;`", "SELECT 5--3"]
        );
        assert_eq!(split(sql).comments.len(), 3);
    }

    #[test]
    fn version_comments_are_code() {
        let sql = "/*!40101 SET NAMES utf8 */;\nCREATE TABLE t (a int) /*!50100 PARTITION BY HASH (a) */;/*M!100100 DROP TABLE u */";
        let all: Vec<String> = texts(sql)
            .iter()
            .map(|t| t.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            all,
            [
                "SET NAMES utf8",
                "CREATE TABLE t (a int) PARTITION BY HASH (a)",
                "DROP TABLE u"
            ]
        );
        assert!(texts("/*M!999999\\- enable the sandbox mode */\n").is_empty());
    }

    #[test]
    fn the_clients_delimiter_is_obeyed() {
        let sql = "DELIMITER $$\nCREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a = 1; $$\ndelimiter ;\nSELECT 1;";
        assert_eq!(texts(sql).len(), 2);
        let word = "DELIMITER go\nDROP TABLE t go DROP TABLE u go";
        assert_eq!(texts(word), ["DROP TABLE t", "DROP TABLE u"]);
    }

    #[test]
    fn bodies_are_whole_without_a_delimiter() {
        let sql = "CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; \
                   CASE x WHEN 1 THEN BEGIN END; END CASE; SELECT CASE WHEN 1 THEN 2 END; END; DROP TABLE t;";
        let all = texts(sql);
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(all[1], "DROP TABLE t");
        assert_eq!(texts("BEGIN; UPDATE t SET a = 1; COMMIT;").len(), 3);
    }

    #[test]
    fn what_never_ends_is_marked() {
        for sql in [
            "SELECT 'a; DROP TABLE t;",
            "CREATE PROCEDURE p() BEGIN SELECT 1; DROP TABLE t;",
            "/* DROP TABLE t;",
            "/*! DROP TABLE t;",
        ] {
            let all = split(sql).pieces;
            assert!(all.last().is_some_and(|p| p.unclosed), "{sql}: {all:?}");
        }
    }

    #[test]
    fn marks_and_odd_bytes_are_no_trouble() {
        assert_eq!(texts("\u{feff}SELECT 1;\r\nSELECT 2;\r\n").len(), 2);
        assert_eq!(texts("SELECT\0 1;é;").len(), 2);
    }
}
