//! Content of one table, while its rows stream by.

use twox_hash::XxHash3_128;
use twox_hash::xxhash3_128::Hasher;

use super::scanner::Refusal;

/// Rows that were read, and a hash of them that depends neither on their order nor on that of the
/// columns: the sum over all rows of a hash of the sum over all columns of a hash of the value's
/// text, seeded by the column's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) hash: u128,
    /// The largest value of the column that counts by itself.
    pub(super) furthest: Option<i64>,
}

/// Whether hashes are wanted, or only the number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Hashes,
    Counts,
}

/// A table whose rows are being read.
pub(super) struct Rows {
    depth: Depth,
    /// What was read until now.
    pub(super) table: Sum,
    /// By position.
    seeds: Vec<u64>,
    /// The position of the column that counts by itself.
    counter: Option<usize>,
    /// Where in the row it is, and what of it was read.
    at: usize,
    sum: u128,
    long: Option<Hasher>,
}

impl Rows {
    pub(super) fn new<'a>(
        columns: impl Iterator<Item = &'a str>,
        counter: Option<&str>,
        depth: Depth,
        table: Sum,
    ) -> Self {
        let mut found = None;
        let mut seeds = Vec::new();
        for (at, column) in columns.enumerate() {
            if counter == Some(column) {
                found = Some(at);
            }
            seeds.push(seed(column));
        }
        Self {
            depth,
            table,
            seeds,
            counter: found,
            at: 0,
            sum: 0,
            long: None,
        }
    }

    fn seed(&self) -> Result<u64, Refusal> {
        self.seeds
            .get(self.at)
            .copied()
            .ok_or_else(|| Refusal("a row has more values than its table has columns".to_owned()))
    }

    pub(super) fn part_of_value(&mut self, part: &[u8]) -> Result<(), Refusal> {
        let seed = self.seed()?;
        if self.depth == Depth::Hashes {
            self.long
                .get_or_insert_with(|| Hasher::with_seed(seed))
                .write(part);
        }
        Ok(())
    }

    pub(super) fn value(&mut self, text: &[u8]) -> Result<(), Refusal> {
        let seed = self.seed()?;
        if self.depth == Depth::Hashes {
            let hash = match self.long.take() {
                None => XxHash3_128::oneshot_with_seed(seed, text),
                Some(mut long) => {
                    long.write(text);
                    long.finish_128()
                }
            };
            self.sum = self.sum.wrapping_add(hash);
            if self.counter == Some(self.at)
                && let Some(value) = number(text)
            {
                self.table.furthest = self.table.furthest.max(Some(value));
            }
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        if self.at != self.seeds.len() {
            return Refusal::new("a row has fewer values than its table has columns");
        }
        let row = XxHash3_128::oneshot(&self.sum.to_le_bytes());
        self.table.hash = self.table.hash.wrapping_add(row);
        self.table.rows += 1;
        (self.at, self.sum) = (0, 0);
        Ok(())
    }
}

fn seed(column: &str) -> u64 {
    // The lower half of a good hash is a good hash.
    (XxHash3_128::oneshot(column.as_bytes()) & u128::from(u64::MAX)) as u64
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
