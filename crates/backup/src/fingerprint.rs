use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Level;

/// What is in a database, in a form that can be compared.
///
/// Two fingerprints of the same content are equal whatever the OIDs, the order of columns, the
/// session's time zone or the machine; [`Fingerprint::diff`] says what differs, and
/// [`Fingerprint::notes`] what differs without counting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Facts by object: `"column public.orders.total"` to `{"type numeric(10,2)", "not null"}`.
    pub schema: BTreeMap<String, BTreeSet<String>>,
    /// Content by table, `"public.orders"`. Partitions are tables; partitioned parents are not.
    pub tables: BTreeMap<String, TableContent>,
    /// State by sequence, `"public.orders_id_seq"`.
    pub sequences: BTreeMap<String, SequenceState>,
    /// Large objects, if there are any.
    pub large_objects: Option<TableContent>,
    /// Version by extension. Reported, never unequal.
    pub extensions: BTreeMap<String, String>,
    /// Columns in physical order, by table. Reported, never unequal.
    pub column_order: BTreeMap<String, Vec<String>>,
}

/// How many rows, and a hash of them that does not depend on their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableContent {
    /// Number of rows.
    pub rows: u64,
    /// A source's own, led by the name of the way it was made: `xxh3:…` is a sum over all rows.
    pub hash: String,
}

impl TableContent {
    /// Whether the hashes can be compared: older versions hashed rows in another way.
    fn is_hashed_like(&self, other: &Self) -> bool {
        let way = |hash: &str| match hash.split_once(':') {
            Some((way, _)) if way.starts_with(char::is_alphabetic) => way.to_owned(),
            _ => String::new(),
        };
        way(&self.hash) == way(&other.hash)
    }
}

/// Where a sequence stands and where it has to stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceState {
    /// The last value given out; `None` if none was yet.
    pub last: Option<i64>,
    /// Step from value to value; negative for a descending sequence.
    pub increment: i64,
    /// The furthest value in the columns it feeds; `None` when it feeds none, or they are empty.
    pub needed: Option<i64>,
}

impl SequenceState {
    /// Whether the next value is beyond everything the columns hold.
    fn is_far_enough(&self) -> bool {
        match (self.last, self.needed) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(last), Some(needed)) => !self.is_behind(last, needed),
        }
    }

    fn is_behind(&self, value: i64, other: i64) -> bool {
        if self.increment < 0 {
            value > other
        } else {
            value < other
        }
    }

    /// Whether `after` is a loss. A sequence that feeds columns has to be beyond their content,
    /// unless it was not so before either; one that feeds none must not have gone back.
    fn lost_by(&self, after: &Self) -> bool {
        let went_back = match (self.last, after.last) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => self.is_behind(after, before),
        };
        if self.needed.is_none() || after.needed.is_none() {
            return went_back;
        }
        !after.is_far_enough() && (self.is_far_enough() || went_back)
    }
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The object, as in [`Fingerprint::schema`], or `"content of public.orders"`.
    pub object: String,
    /// What happened to it.
    pub change: Change,
}

/// How something differs; "before" is the fingerprint that [`Fingerprint::diff`] was called on.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// It is no longer there.
    Lost,
    /// It was not there before.
    Added,
    /// Its definition differs.
    Redefined {
        /// Facts that no longer hold.
        lost: Vec<String>,
        /// Facts that hold now.
        gained: Vec<String>,
    },
    /// It has another number of rows.
    Rows {
        /// Number before.
        before: u64,
        /// Number now.
        after: u64,
    },
    /// It has as many rows as before, and not the same ones.
    Content {
        /// Number of rows.
        rows: u64,
    },
    /// The sequence will give out values that are in use, or went back.
    Behind {
        /// Its last value now.
        last: Option<i64>,
        /// The value it has to be at.
        needed: Option<i64>,
    },
}

impl Difference {
    /// The level of verification that notices it.
    #[must_use]
    pub fn level(&self) -> Level {
        match self.change {
            Change::Content { .. } => Level::Content,
            _ => Level::Counts,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match &self.change {
            Change::Lost => write!(f, "{object} is missing"),
            Change::Added => write!(f, "{object} was not there before"),
            Change::Redefined { lost, gained } => {
                write!(f, "{object} differs:")?;
                for fact in lost {
                    write!(f, " -[{fact}]")?;
                }
                for fact in gained {
                    write!(f, " +[{fact}]")?;
                }
                Ok(())
            }
            Change::Rows { before, after } => {
                write!(f, "{object}: {after} rows instead of {before}")
            }
            Change::Content { rows } => {
                write!(f, "{object}: {rows} rows as before, but not the same ones")
            }
            Change::Behind { last, needed } => write!(
                f,
                "{object} stands at {} and must be at {} or beyond",
                number(*last),
                number(*needed)
            ),
        }
    }
}

fn number(value: Option<i64>) -> String {
    value.map_or_else(|| "its start".to_owned(), |value| value.to_string())
}

impl Fingerprint {
    /// What is different in `after`, in the order of object names. Empty means equal.
    #[must_use]
    pub fn diff(&self, after: &Self) -> Vec<Difference> {
        let mut found = self.diff_schema(after);
        found.extend(self.diff_content(after));
        found
    }

    /// What is different in definitions only.
    #[must_use]
    pub fn diff_schema(&self, after: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for object in keys(&self.schema, &after.schema) {
            let change = match (self.schema.get(object), after.schema.get(object)) {
                (Some(_), None) => Change::Lost,
                (None, _) => Change::Added,
                (Some(before), Some(after)) if before == after => continue,
                (Some(before), Some(after)) => Change::Redefined {
                    lost: before.difference(after).cloned().collect(),
                    gained: after.difference(before).cloned().collect(),
                },
            };
            found.push(Difference {
                object: object.clone(),
                change,
            });
        }
        found
    }

    /// What is different in rows, large objects and sequences only.
    #[must_use]
    pub fn diff_content(&self, after: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for table in keys(&self.tables, &after.tables) {
            let change = compare(self.tables.get(table), after.tables.get(table));
            found.extend(change.map(|change| Difference {
                object: format!("content of {table}"),
                change,
            }));
        }
        let change = compare(self.large_objects.as_ref(), after.large_objects.as_ref());
        found.extend(change.map(|change| Difference {
            object: "large objects".to_owned(),
            change,
        }));
        for sequence in keys(&self.sequences, &after.sequences) {
            let change = match (self.sequences.get(sequence), after.sequences.get(sequence)) {
                (Some(_), None) => Change::Lost,
                (None, _) => Change::Added,
                (Some(before), Some(after)) if before.lost_by(after) => Change::Behind {
                    last: after.last,
                    needed: after.needed.or(before.last),
                },
                _ => continue,
            };
            found.push(Difference {
                object: format!("state of {sequence}"),
                change,
            });
        }
        found
    }

    /// What differs without counting: column order and versions of extensions.
    #[must_use]
    pub fn notes(&self, after: &Self) -> Vec<String> {
        let mut notes = Vec::new();
        for (table, before) in &self.column_order {
            if let Some(after) = after.column_order.get(table)
                && before != after
            {
                notes.push(format!("{table} has its columns in another order"));
            }
        }
        for extension in keys(&self.extensions, &after.extensions) {
            let before = self
                .extensions
                .get(extension)
                .map_or("none", String::as_str);
            let after = after
                .extensions
                .get(extension)
                .map_or("none", String::as_str);
            if before != after {
                notes.push(format!(
                    "extension {extension}: {before} before, {after} now"
                ));
            }
        }
        notes
    }

    /// Names of tables and numbers of rows, and nothing else: what may be seen of an encrypted
    /// backup.
    pub(crate) fn outline(&self) -> Self {
        let tables = self.tables.iter().map(|(name, content)| {
            let content = TableContent {
                rows: content.rows,
                hash: String::new(),
            };
            (name.clone(), content)
        });
        Self {
            tables: tables.collect(),
            ..Self::default()
        }
    }

    /// Number of rows in all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }

    /// A short name for the schema: equal exactly when [`Fingerprint::diff_schema`] is empty.
    #[must_use]
    pub fn schema_digest(&self) -> String {
        let mut hash = Sha256::new();
        for (object, facts) in &self.schema {
            feed(&mut hash, object);
            hash.update((facts.len() as u64).to_be_bytes());
            for fact in facts {
                feed(&mut hash, fact);
            }
        }
        hex(&hash.finalize())
    }

    /// A short name for the rows and large objects. Sequences are left out, because they are
    /// compared by rule and not for equality.
    #[must_use]
    pub fn content_digest(&self) -> String {
        let mut hash = Sha256::new();
        let large = self
            .large_objects
            .iter()
            .map(|content| ("large objects", content));
        let tables = self
            .tables
            .iter()
            .map(|(name, content)| (name.as_str(), content));
        for (name, content) in tables.chain(large) {
            feed(&mut hash, name);
            hash.update(content.rows.to_be_bytes());
            feed(&mut hash, &content.hash);
        }
        hex(&hash.finalize())
    }
}

fn compare(before: Option<&TableContent>, after: Option<&TableContent>) -> Option<Change> {
    match (before, after) {
        (None, None) => None,
        (Some(_), None) => Some(Change::Lost),
        (None, Some(_)) => Some(Change::Added),
        (Some(before), Some(after)) if before.rows != after.rows => Some(Change::Rows {
            before: before.rows,
            after: after.rows,
        }),
        (Some(before), Some(after)) => (before.hash != after.hash && before.is_hashed_like(after))
            .then_some(Change::Content { rows: after.rows }),
    }
}

fn keys<'a, T>(a: &'a BTreeMap<String, T>, b: &'a BTreeMap<String, T>) -> BTreeSet<&'a String> {
    a.keys().chain(b.keys()).collect()
}

/// With its length in front, so that two neighbours cannot be mistaken for one.
fn feed(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(last: i64, needed: Option<i64>) -> SequenceState {
        SequenceState {
            last: Some(last),
            increment: 1,
            needed,
        }
    }

    #[test]
    fn a_sequence_has_to_be_beyond_its_column() {
        let before = sequence(10, Some(10));
        assert!(!before.lost_by(&sequence(10, Some(10))));
        assert!(!before.lost_by(&sequence(42, Some(10))));
        assert!(before.lost_by(&sequence(9, Some(10))));
        assert!(before.lost_by(&SequenceState {
            last: None,
            increment: 1,
            needed: Some(10)
        }));
        // Values that were given out and never used may be given out again.
        assert!(!sequence(50, Some(10)).lost_by(&sequence(20, Some(10))));
        // What was already wrong is not a loss, unless it got worse.
        assert!(!sequence(3, Some(10)).lost_by(&sequence(3, Some(10))));
        assert!(sequence(3, Some(10)).lost_by(&sequence(2, Some(10))));
        // It feeds nothing, so nothing but its own value says where it has to be.
        assert!(sequence(3, None).lost_by(&sequence(2, None)));
        let down = |last, needed| SequenceState {
            last: Some(last),
            increment: -1,
            needed: Some(needed),
        };
        assert!(!down(-10, -10).lost_by(&down(-11, -10)));
        assert!(down(-10, -10).lost_by(&down(-9, -10)));
    }

    #[test]
    fn digests_follow_the_differences() {
        let mut a = Fingerprint::default();
        a.schema
            .insert("table t".to_owned(), BTreeSet::from(["x".to_owned()]));
        let mut b = a.clone();
        assert_eq!(a.schema_digest(), b.schema_digest());
        b.schema
            .insert("table t".to_owned(), BTreeSet::from(["y".to_owned()]));
        assert_ne!(a.schema_digest(), b.schema_digest());
        assert_eq!(a.content_digest(), b.content_digest());
        let difference = &a.diff(&b)[0];
        assert_eq!(difference.to_string(), "table t differs: -[x] +[y]");
    }
}
