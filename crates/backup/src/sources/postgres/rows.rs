//! Rows as `COPY` writes them: counted and hashed, in any order, without holding one.
//!
//! A row's hash is made of its columns' hashes, each seeded with the column's name, so the order
//! of columns does not matter; a table's is the sum over its rows, so theirs does not either. All
//! are XXH3 of 128 bits: strong against accidents of any kind, and not meant against somebody who
//! forges rows, or who may write to the store and replaces a whole backup.

use memchr::memchr2;
use twox_hash::XxHash3_128;
use twox_hash::xxhash3_128::Hasher;

use crate::TableContent;

/// What a table holds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowSum {
    rows: u64,
    sum: u128,
}

impl RowSum {
    /// The same table, read in two parts.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            sum: self.sum.wrapping_add(other.sum),
        }
    }

    pub(super) fn rows(self) -> u64 {
        self.rows
    }

    pub(super) fn content(self) -> TableContent {
        TableContent {
            rows: self.rows,
            hash: format!("xxh3:{:032x}", self.sum),
        }
    }
}

/// Reads the text format of `COPY`, in pieces of any size.
pub(super) struct Rows {
    /// By position in the text.
    seeds: Vec<u64>,
    /// Which column comes next in this row.
    column: usize,
    row: u128,
    /// A column whose end has not come yet.
    open: Option<Box<Hasher>>,
    /// The first two bytes of an open column, for `\.`.
    open_bytes: Vec<u8>,
    sum: RowSum,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// After `\.`.
    Ended,
    /// A row had another number of columns.
    Odd,
}

impl Rows {
    /// Of a table with these columns, in the order in which `COPY` writes them.
    pub(super) fn new(columns: &[String]) -> Self {
        let seeds = match columns {
            // A row without columns is an empty line.
            [] => vec![0],
            columns => columns.iter().map(|name| seed(name)).collect(),
        };
        Self {
            seeds,
            column: 0,
            row: 0,
            open: None,
            open_bytes: Vec::new(),
            sum: RowSum::default(),
            state: State::Reading,
        }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while self.state == State::Reading && !bytes.is_empty() {
            let Some(at) = memchr2(b'\t', b'\n', bytes) else {
                return self.keep_open(bytes);
            };
            let seed = self.seeds.get(self.column).copied();
            let hash = match self.open.take() {
                Some(mut hasher) => {
                    hasher.write(&bytes[..at]);
                    self.remember(&bytes[..at]);
                    hasher.finish_128()
                }
                None => XxHash3_128::oneshot_with_seed(seed.unwrap_or(0), &bytes[..at]),
            };
            let ends_row = bytes[at] == b'\n';
            if ends_row && self.column == 0 {
                let text: &[u8] = match self.open_bytes.is_empty() {
                    true => &bytes[..at],
                    false => &self.open_bytes,
                };
                // A value that reads so is written with two backslashes.
                if text == b"\\." {
                    self.state = State::Ended;
                    return;
                }
            }
            self.open_bytes.clear();
            self.row = self.row.wrapping_add(hash);
            self.column += 1;
            if seed.is_none() || (ends_row && self.column != self.seeds.len()) {
                self.state = State::Odd;
                return;
            }
            if ends_row {
                self.sum.rows += 1;
                let row = XxHash3_128::oneshot(&self.row.to_le_bytes());
                self.sum.sum = self.sum.sum.wrapping_add(row);
                self.row = 0;
                self.column = 0;
            }
            bytes = &bytes[at + 1..];
        }
    }

    /// How many rows went by so far.
    pub(super) fn so_far(&self) -> u64 {
        self.sum.rows
    }

    /// What was read; `None` when it ended inside of a row, or was not what it should be.
    pub(super) fn end(self) -> Option<RowSum> {
        let between = self.column == 0 && self.open.is_none();
        match self.state {
            State::Ended => Some(self.sum),
            State::Reading if between => Some(self.sum),
            _ => None,
        }
    }

    fn keep_open(&mut self, bytes: &[u8]) {
        let seed = self.seeds.get(self.column).copied().unwrap_or(0);
        self.remember(bytes);
        self.open
            .get_or_insert_with(|| Box::new(Hasher::with_seed(seed)))
            .write(bytes);
    }

    /// Three bytes are enough to tell `\.` from anything longer.
    fn remember(&mut self, bytes: &[u8]) {
        let room = 3_usize.saturating_sub(self.open_bytes.len());
        self.open_bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

fn seed(column: &str) -> u64 {
    let hash = XxHash3_128::oneshot(column.as_bytes()).to_le_bytes();
    u64::from_le_bytes(hash[..8].try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn sum(names: &[&str], text: &str) -> Option<RowSum> {
        let mut rows = Rows::new(&columns(names));
        rows.feed(text.as_bytes());
        rows.end()
    }

    #[test]
    fn order_of_rows_and_columns_does_not_matter() {
        let one = sum(&["a", "b"], "1\tx\n2\ty\n").unwrap();
        assert_eq!(one.rows, 2);
        assert_eq!(Some(one), sum(&["a", "b"], "2\ty\n1\tx\n\\.\n\n\n"));
        assert_eq!(Some(one), sum(&["b", "a"], "x\t1\ny\t2\n"));
        assert_ne!(Some(one), sum(&["a", "b"], "1\ty\n2\tx\n"));
        assert_ne!(Some(one), sum(&["a", "c"], "1\tx\n2\ty\n"));
        assert_ne!(Some(one), sum(&["a", "b"], "1\tx\n1\tx\n"));
        assert_ne!(sum(&["a"], "\\N\n"), sum(&["a"], "\n"));
    }

    #[test]
    fn what_ends_inside_of_a_row_is_nothing() {
        assert_eq!(sum(&["a", "b"], "1\tx\n2\t"), None);
        assert_eq!(sum(&["a", "b"], "1\tx\n2"), None);
        assert_eq!(sum(&["a", "b"], "1\n"), None);
        assert_eq!(sum(&["a", "b"], "1\t2\t3\n"), None);
    }

    #[test]
    fn a_table_without_columns_has_rows() {
        assert_eq!(sum(&[], "\n\n\\.\n").unwrap().rows, 2);
        assert_eq!(sum(&[], "").unwrap().rows, 0);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            rows in prop::collection::vec(("[a-z.\\\\]{0,9}", "[a-z]{0,300}"), 0..20),
            cuts in prop::collection::vec(0_usize..4000, 0..12),
        ) {
            let text: String = rows
                .iter()
                .map(|(a, b)| format!("{}\t{b}\n", a.replace('\\', "\\\\")))
                .chain(["\\.\n\n\n".to_owned()])
                .collect();
            let whole = sum(&["a", "b"], &text);
            prop_assert_eq!(whole.map(|s| s.rows), Some(rows.len() as u64));
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c < text.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Rows::new(&columns(&["a", "b"]));
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces.feed(&text.as_bytes()[from..cut]);
                from = cut;
            }
            prop_assert_eq!(pieces.end(), whole);
        }
    }
}
