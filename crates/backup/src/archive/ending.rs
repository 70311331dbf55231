//! Whether a dump that is text has its end, without which it restores as if it were whole.

use crate::{Error, ErrorKind, Format};

/// More than any dump has after its last statement.
const KEPT: usize = 1024;

/// Watches a dump go by and keeps its end.
#[derive(Debug)]
pub(crate) struct Ending {
    format: Format,
    tail: Vec<u8>,
}

impl Ending {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            tail: Vec::with_capacity(2 * KEPT),
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if bytes.len() >= KEPT {
            self.tail.clear();
        }
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        if self.tail.len() > 2 * KEPT {
            self.tail.drain(..self.tail.len() - KEPT);
        }
    }

    /// To be called when everything went by.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let tail = String::from_utf8_lossy(&self.tail);
        let mut lines = tail.lines().rev().map(str::trim_end);
        let missing = match self.format {
            Format::PgPlain => {
                const LAST: &str = "-- PostgreSQL database dump complete";
                let decoration =
                    |line: &&str| matches!(*line, "" | "--") || line.starts_with("\\unrestrict ");
                let last = lines.find(|line| !decoration(line));
                (last != Some(LAST)).then_some(LAST)
            }
            Format::Mysql => {
                const LAST: &str = "-- Dump completed";
                let last = lines.find(|line| !line.is_empty());
                (!last.is_some_and(|line| line.starts_with(LAST))).then_some(LAST)
            }
            // These know themselves when they are cut off.
            _ => None,
        };
        let Some(missing) = missing else {
            return Ok(());
        };
        let detail = format!("it does not end with the line {missing:?}, so it may be cut off");
        let error = Error::new("read", "the dump", ErrorKind::Corrupt, detail);
        Err(match self.format {
            Format::Mysql => error.with_help("dump without --skip-comments and --compact"),
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(format: Format, pieces: &[&str]) -> bool {
        let mut ending = Ending::new(format);
        for piece in pieces {
            ending.feed(piece.as_bytes());
        }
        ending.check().is_ok()
    }

    #[test]
    fn the_last_line_counts_and_nothing_before_it() {
        let end = "--\n-- PostgreSQL database dump complete\n--\n\n";
        assert!(ends(Format::PgPlain, &[&"x\n".repeat(9000), end]));
        assert!(ends(Format::PgPlain, &[end, "\\unrestrict abc\n\n"]));
        assert!(ends(Format::PgPlain, &[&end.replace('\n', "\r\n")]));
        assert!(!ends(Format::PgPlain, &[end, "SELECT 1;\n"]));
        assert!(!ends(
            Format::PgPlain,
            &["1\t-- PostgreSQL database dump complete\n"]
        ));
        assert!(!ends(
            Format::PgPlain,
            &["-- PostgreSQL database cluster dump complete\n"]
        ));
        for cut in 0..end.len() - 5 {
            assert!(!ends(Format::PgPlain, &[&end[..cut]]), "{cut}");
        }
        // Byte by byte as well.
        let long = "y".repeat(3000) + "\n" + end;
        let pieces: Vec<&str> = long.split_inclusive(|_| true).collect();
        assert!(ends(Format::PgPlain, &pieces));
        assert!(ends(
            Format::Mysql,
            &["x\n-- Dump completed on 2026-11-20 12:00:00\n"]
        ));
        assert!(!ends(
            Format::Mysql,
            &["x\n-- Dump completed on\n/*!40000 */;\n"]
        ));
        assert!(ends(Format::PgCustom, &["PGDMP"]));
    }
}
