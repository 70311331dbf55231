//! What keeps `psql` from running commands that a dump names.

use memchr::memmem;

use crate::{Error, ErrorKind};

/// How much is looked at to tell what an archive is; also more than a dump's header has before
/// its first statement.
pub(super) const HEAD: usize = 4096;

/// Means something to `psql` at the very beginning only.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const BEGIN: &[u8] = b"\\restrict ";
const END: &[u8] = b"\\unrestrict";

/// Takes a dump's own fence away, since ours goes around all of it, and lets nothing through that
/// would end ours: even a wrong word after `\unrestrict` can start a program, in backquotes.
#[derive(Default)]
pub(super) struct Fence {
    /// The word of the dump's own, once its header was seen.
    own: Option<Vec<u8>>,
    header: Header,
    /// Not passed on yet, because it may go on.
    waiting: Vec<u8>,
    /// The byte before.
    before: Option<u8>,
}

#[derive(Default, PartialEq, Eq)]
enum Header {
    #[default]
    Unseen,
    Seen,
}

impl Fence {
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.waiting.extend_from_slice(bytes);
        if self.header == Header::Unseen {
            if self.waiting.len() < HEAD {
                return Ok(());
            }
            self.take_header();
        }
        // So much of it may be the beginning of what is looked for.
        let needed = END.len() + 1 + self.own.as_ref().map_or(0, Vec::len);
        self.scan(needed, out)
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.header == Header::Unseen {
            self.take_header();
        }
        self.scan(0, out)
    }

    /// The line `\restrict <word>` among the comments that a dump begins with.
    fn take_header(&mut self) {
        self.header = Header::Seen;
        if self.waiting.starts_with(BYTE_ORDER_MARK) {
            self.waiting.drain(..BYTE_ORDER_MARK.len());
        }
        let mut at = 0;
        for line in self.waiting.split_inclusive(|byte| *byte == b'\n') {
            if let Some(word) = line.strip_prefix(BEGIN) {
                self.own = Some(word.trim_ascii().to_vec());
                let end = at + line.trim_ascii_end().len();
                self.waiting.drain(at..end);
                return;
            }
            if !line.trim_ascii().is_empty() && !line.starts_with(b"--") {
                return;
            }
            at += line.len();
        }
    }

    /// Passes on all but the last `kept` bytes.
    fn scan(&mut self, kept: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut from = 0;
        while let Some(found) = memmem::find(&self.waiting[from..], END) {
            let at = from + found;
            if at + kept > self.waiting.len() {
                // What follows has to be seen.
                self.give(at, out);
                return Ok(());
            }
            let before = match at.checked_sub(1) {
                Some(before) => self.waiting.get(before).copied(),
                None => self.before,
            };
            if before == Some(b'\\') {
                // As data it is written with two of them.
                from = at + END.len();
                continue;
            }
            let rest = &self.waiting[at + END.len()..];
            let own = self.own.as_deref().is_some_and(|own| {
                rest.strip_prefix(b" ")
                    .is_some_and(|rest| rest.starts_with(own))
            });
            if !own || before.is_some_and(|byte| byte != b'\n') {
                let detail = "it has \\unrestrict in it, which no dump has there";
                return Err(Error::new(
                    "restore",
                    "the dump",
                    ErrorKind::InvalidInput,
                    detail,
                ));
            }
            let length = END.len() + 1 + self.own.as_ref().map_or(0, Vec::len);
            self.waiting.drain(at..at + length);
            from = at;
        }
        let end = self.waiting.len().saturating_sub(kept).max(from);
        self.give(end.min(self.waiting.len()), out);
        Ok(())
    }

    fn give(&mut self, count: usize, out: &mut Vec<u8>) {
        if let Some(last) = count.checked_sub(1) {
            self.before = self.waiting.get(last).copied();
        }
        out.extend(self.waiting.drain(..count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is let through, however the dump arrives.
    fn through(text: &str) -> Result<String, Error> {
        let mut results = Vec::new();
        for size in [1, 7, 4096, 100_000] {
            let mut fence = Fence::default();
            let mut out = Vec::new();
            let passed = text
                .as_bytes()
                .chunks(size)
                .try_for_each(|piece| fence.pass(piece, &mut out))
                .and_then(|()| fence.end(&mut out));
            results.push(passed.map(|()| String::from_utf8(out).unwrap()).ok());
        }
        assert!(
            results.windows(2).all(|pair| pair[0] == pair[1]),
            "{text:?}"
        );
        let first = results.remove(0);
        first.ok_or_else(|| Error::new("x", "x", ErrorKind::InvalidInput, "x"))
    }

    #[test]
    fn the_dumps_own_fence_is_taken_away() {
        let rows = "1\tvalue\n".repeat(9000);
        let dump = |begin: &str, end: &str| {
            format!(
                "--\n-- PostgreSQL database dump\n--\n\n{begin}\nCOPY t FROM stdin;\n{rows}\\.\n\n{end}\n"
            )
        };
        let fenced = dump("\\restrict aB3", "\\unrestrict aB3");
        assert_eq!(through(&fenced).unwrap(), dump("", ""));
        assert_eq!(through(&dump("", "")).unwrap(), dump("", ""));
        let data = dump("", "x\\\\unrestrict y");
        assert_eq!(through(&data).unwrap(), data);
        for bad in [
            dump("\\restrict aB3", "\\unrestrict aB"),
            dump("\\restrict aB3", "\\unrestrict `rm -rf /`"),
            dump("\\restrict aB3", "SELECT 1 \\unrestrict aB3"),
            dump("", "\\unrestrict aB3"),
            dump("SELECT 1;\n\\restrict aB3", "\\unrestrict aB3"),
        ] {
            assert!(through(&bad).is_err(), "{bad}");
        }
        // Not in the header, so psql refuses it.
        let late = dump("SELECT 1;\n\\restrict aB3", "");
        assert_eq!(through(&late).unwrap(), late);
    }
}
