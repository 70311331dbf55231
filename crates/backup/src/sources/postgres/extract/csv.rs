//! Rows as `COPY` writes them in CSV with all values quoted, counted and hashed like those that it
//! writes as text, so that both can be compared.

use memchr::memchr;

use super::super::rows::{RowSum, Rows};

/// Reads a table's CSV, header line first, in pieces of any size.
pub(super) struct Csv {
    columns: Vec<String>,
    header: Header,
    state: State,
    /// The same rows as text, as far as they are not passed on.
    text: Vec<u8>,
    rows: Rows,
}

/// The names that were read so far.
enum Header {
    Reading { names: Vec<String>, name: Vec<u8> },
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a value, of which the row has had so many.
    Between(Place),
    /// Inside of a value without quotes; only names have none.
    Bare,
    Quoted,
    /// After a quote inside of a value: its end, or half of a quote in it.
    Quote,
    /// Not what `COPY` writes.
    Odd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Rows,
    Values,
}

impl Csv {
    /// Of a table with these columns, in this order.
    pub(super) fn new(columns: Vec<String>) -> Self {
        Self {
            rows: Rows::new(&columns),
            columns,
            header: Header::Reading {
                names: Vec::new(),
                name: Vec::new(),
            },
            state: State::Between(Place::Rows),
            text: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(first) = bytes.first().copied() {
            let taken = match self.state {
                State::Odd => return,
                State::Quoted => {
                    let end = memchr(b'"', bytes);
                    self.value(&bytes[..end.unwrap_or(bytes.len())]);
                    if end.is_some() {
                        self.state = State::Quote;
                    }
                    end.map_or(bytes.len(), |at| at + 1)
                }
                State::Quote if first == b'"' => {
                    self.value(b"\"");
                    self.state = State::Quoted;
                    1
                }
                State::Between(_) if first == b'"' => {
                    self.state = State::Quoted;
                    1
                }
                state => {
                    self.outside(state, first);
                    1
                }
            };
            bytes = &bytes[taken..];
        }
        self.rows.feed(&self.text);
        self.text.clear();
    }

    /// What was read; `None` when it ended inside of a row, or was not what it should be.
    pub(super) fn end(self) -> Option<RowSum> {
        let whole = matches!(self.header, Header::Read)
            && self.state == State::Between(Place::Rows)
            && self.text.is_empty();
        if whole { self.rows.end() } else { None }
    }

    /// A byte that is in no quotes.
    fn outside(&mut self, state: State, byte: u8) {
        match byte {
            b',' | b'\n' => {
                let null = matches!(state, State::Between(_));
                self.end_value(null);
                self.state = State::Between(Place::Values);
                if byte == b'\n' {
                    self.end_row();
                }
            }
            _ if state != State::Quote && matches!(self.header, Header::Reading { .. }) => {
                self.value(&[byte]);
                self.state = State::Bare;
            }
            _ => self.state = State::Odd,
        }
    }

    fn value(&mut self, bytes: &[u8]) {
        match &mut self.header {
            Header::Reading { name, .. } => name.extend_from_slice(bytes),
            Header::Read => escape(bytes, &mut self.text),
        }
    }

    fn end_value(&mut self, null: bool) {
        match &mut self.header {
            Header::Reading { names, name } => {
                names.push(String::from_utf8_lossy(name).into_owned());
                name.clear();
            }
            Header::Read => {
                if null {
                    self.text.extend_from_slice(b"\\N");
                }
                self.text.push(b'\t');
            }
        }
    }

    fn end_row(&mut self) {
        self.state = State::Between(Place::Rows);
        match &self.header {
            Header::Reading { names, .. } if *names == self.columns => self.header = Header::Read,
            Header::Reading { .. } => self.state = State::Odd,
            Header::Read => {
                self.text.pop();
                self.text.push(b'\n');
            }
        }
    }
}

/// As `COPY` writes a value as text.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, byte) in value.iter().enumerate() {
        let letter = match byte {
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            b'\\' => b'\\',
            _ => continue,
        };
        out.extend_from_slice(&value[from..at]);
        out.extend_from_slice(&[b'\\', letter]);
        from = at + 1;
    }
    out.extend_from_slice(&value[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn read(names: &[&str], csv: &str) -> Option<RowSum> {
        let mut read = Csv::new(columns(names));
        read.feed(csv.as_bytes());
        read.end()
    }

    fn text(names: &[&str], text: &str) -> Option<RowSum> {
        let mut rows = Rows::new(&columns(names));
        rows.feed(text.as_bytes());
        rows.end()
    }

    #[test]
    fn it_reads_what_text_says() {
        let names = &["a", "b,\"c"];
        let header = "a,\"b,\"\"c\"\n";
        for (csv, plain) in [
            ("", ""),
            ("\"1\",\n", "1\t\\N\n"),
            (",\"\"\n\"\",\n", "\\N\t\n\t\\N\n"),
            (
                "\"a\"\"b,\",\"x\ny\\.\t\"\n\"\\.\",\"\"\"\"\n",
                "a\"b,\tx\\ny\\\\.\\t\n\\\\.\t\"\n",
            ),
        ] {
            let found = read(names, &format!("{header}{csv}"));
            assert!(found.is_some(), "{csv:?}");
            assert_eq!(found, text(names, plain), "{csv:?}");
        }
        assert_eq!(read(&["a"], "a\n\n\"\"\n"), text(&["a"], "\\N\n\n"));
    }

    #[test]
    fn what_is_cut_off_or_odd_is_nothing() {
        for csv in [
            "",
            "a,b",
            "b,a\n",
            "a,b\n\"1\",\"2",
            "a,b\n\"1\",\"2\"",
            "a,b\n\"1\",",
            "a,b\n\"1\"\n",
            "a,b\n1,2\n",
            "a,b\n\"1\"x,\"2\"\n",
            "a,b\n\"1\",\"2\",\"3\"\n",
        ] {
            assert_eq!(read(&["a", "b"], csv), None, "{csv:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            rows in prop::collection::vec((".{0,9}", prop::option::of("[a-z\"\\\\\n,]{0,30}")), 0..20),
            cuts in prop::collection::vec(0_usize..900, 0..12),
        ) {
            let mut csv = "a,b\n".to_owned();
            for (a, b) in &rows {
                let b = b.as_ref().map_or(String::new(), |b| format!("\"{}\"", b.replace('"', "\"\"")));
                csv.push_str(&format!("\"{}\",{b}\n", a.replace('"', "\"\"")));
            }
            let whole = read(&["a", "b"], &csv);
            prop_assert_eq!(whole.map(|sum| sum.content().rows), Some(rows.len() as u64));
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < csv.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Csv::new(columns(&["a", "b"]));
            let mut from = 0;
            for cut in cuts.into_iter().chain([csv.len()]) {
                pieces.feed(&csv.as_bytes()[from..cut]);
                from = cut;
            }
            prop_assert_eq!(pieces.end(), whole);
        }
    }
}
