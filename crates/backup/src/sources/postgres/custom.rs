//! Watches an archive in `pg_dump`'s custom format go by, and hashes the rows in it.
//!
//! The format is PostgreSQL's own (`src/bin/pg_dump/pg_backup_archiver.c`); versions 1.14
//! (PostgreSQL 12) to 1.16 (17 and 18) are known. Of anything else the watcher says that it does
//! not know, and the rows are read from the server instead.

use std::collections::{BTreeMap, HashMap};

use super::content::Table;
use super::rows::{RowSum, Rows};

/// How the archive numbers its format versions.
const KNOWN: std::ops::RangeInclusive<(u8, u8)> = (1, 14)..=(1, 16);

/// Custom format, and directory format, whose table of contents is the same but for the end of
/// each entry.
const CUSTOM: u8 = 1;

/// What the table of contents of a directory says of itself.
const TAR: u8 = 3;
const DIRECTORY: u8 = 5;

/// A table of contents that is larger than this is not read along.
const LARGEST: usize = 48 * 1024 * 1024;

/// What came of watching.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The content of each table in the archive.
    Rows(BTreeMap<String, RowSum>),
    /// It could not be followed.
    Unknown,
    /// It is cut off, or the rows of this table are not what they should be.
    Broken(String),
}

/// Follows an archive as it is written.
pub(super) struct Watcher {
    /// Tables that count, by schema and name.
    tables: HashMap<(String, String), Table>,
    /// The beginning of something that has not come whole yet.
    pending: Vec<u8>,
    state: State,
    head: Head,
    /// Entries still to come in the table of contents.
    entries: u64,
    /// Tables by the number under which their rows follow.
    by_id: HashMap<u64, Table>,
    seen: BTreeMap<String, RowSum>,
    /// Rows of the tables in `seen`.
    rows: u64,
    /// How far it has come.
    position: u64,
    contents_end: Option<u64>,
    /// Where each entry of the table of contents says where its data is.
    places: HashMap<u64, u64>,
    /// Where the data is.
    blocks: Vec<(u64, u64)>,
    /// In a directory: the files with rows.
    files: HashMap<String, Table>,
    must_be_logged: MustBeLogged,
}

/// What a database's tables have that unlogged ones cannot have.
#[derive(Debug, Default)]
pub(super) struct MustBeLogged {
    /// A publication names some of them.
    pub(super) publishes: bool,
    /// Foreign keys: the schema, and the table's name, a space and the constraint's.
    pub(super) references: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    format: u8,
    minor: u8,
    int_size: usize,
    offset_size: usize,
}

enum State {
    Head,
    Entries,
    /// Between two blocks.
    Block,
    /// Before the length of a block's next piece.
    Length(Option<(String, Rows)>),
    /// Inside of a piece: so many bytes to come.
    Piece(Option<(String, Rows)>, u64),
    /// Before the number of a large object.
    LargeObject,
    LargeLength,
    LargePiece(u64),
    Unknown,
    Broken(String),
}

/// What a step came to.
enum Step {
    /// So many bytes are done with.
    Took(usize),
    /// More has to come first.
    Wait,
}

impl Watcher {
    pub(super) fn new(tables: &[Table]) -> Self {
        let tables = tables
            .iter()
            .map(|table| {
                let key = (table.schema.clone(), table.relation.clone());
                (key, table.clone())
            })
            .collect();
        Self {
            tables,
            pending: Vec::new(),
            state: State::Head,
            head: Head::default(),
            entries: 0,
            by_id: HashMap::new(),
            seen: BTreeMap::new(),
            rows: 0,
            position: 0,
            contents_end: None,
            places: HashMap::new(),
            blocks: Vec::new(),
            files: HashMap::new(),
            must_be_logged: MustBeLogged::default(),
        }
    }

    /// As far as the table of contents was read.
    pub(super) fn must_be_logged(self) -> MustBeLogged {
        self.must_be_logged
    }

    /// Where the data begins, once that is known.
    pub(super) fn contents_end(&self) -> Option<u64> {
        self.contents_end
    }

    /// How many rows went by so far.
    pub(super) fn rows(&self) -> u64 {
        match &self.state {
            State::Length(Some((_, rows))) | State::Piece(Some((_, rows)), _) => {
                self.rows + rows.so_far()
            }
            _ => self.rows,
        }
    }

    /// Whether it was given up to understand it.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Unknown | State::Broken(_))
    }

    /// In a directory: which file has the rows of which table.
    pub(super) fn files(&mut self) -> HashMap<String, Table> {
        std::mem::take(&mut self.files)
    }

    /// An archive that was written to a pipe does not say where its data is, and whoever wants
    /// one table reads all of them. These are the bytes that say so, each with where they go.
    pub(super) fn corrections(&self) -> Vec<(u64, Vec<u8>)> {
        const KNOWN_POSITION: u8 = 2;
        self.blocks
            .iter()
            .filter_map(|(id, block)| {
                let mut bytes = vec![KNOWN_POSITION];
                bytes.extend(&block.to_le_bytes()[..self.head.offset_size]);
                Some((*self.places.get(id)?, bytes))
            })
            .collect()
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.pending.is_empty() {
            let rest = self.follow(bytes);
            self.pending.extend_from_slice(&bytes[bytes.len() - rest..]);
        } else {
            let mut pending = std::mem::take(&mut self.pending);
            pending.extend_from_slice(bytes);
            let rest = self.follow(&pending);
            pending.drain(..pending.len() - rest);
            self.pending = pending;
        }
        if self.pending.len() > LARGEST {
            self.give_up();
        }
    }

    pub(super) fn end(self) -> Seen {
        match self.state {
            State::Unknown => Seen::Unknown,
            State::Broken(table) => Seen::Broken(table),
            State::Block if self.pending.is_empty() => Seen::Rows(self.seen),
            _ => Seen::Broken("the archive's end".to_owned()),
        }
    }

    fn give_up(&mut self) {
        self.state = State::Unknown;
        self.pending = Vec::new();
    }

    /// Goes as far as it can, and says how many bytes are left over.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            if matches!(self.state, State::Unknown | State::Broken(_)) {
                return 0;
            }
            match self.step(&bytes[at..]) {
                Step::Took(count) => {
                    at += count;
                    self.position += count as u64;
                }
                Step::Wait => return bytes.len() - at,
            }
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Step {
        let mut read = Reader {
            bytes,
            at: 0,
            head: self.head,
        };
        let state = std::mem::replace(&mut self.state, State::Unknown);
        let next = match state {
            State::Head => self
                .read_head(&mut read)
                .map_err(|wait| (State::Head, wait)),
            State::Entries if self.entries == 0 => {
                self.contents_end = Some(self.position);
                Ok(State::Block)
            }
            State::Entries => self
                .read_entry(&mut read)
                .map_err(|wait| (State::Entries, wait)),
            State::Block => self
                .read_block(&mut read)
                .map_err(|wait| (State::Block, wait)),
            State::Length(rows) => match read.int() {
                Some(0) => Ok(self.end_block(rows)),
                Some(length) => Ok(State::Piece(rows, length)),
                None => Err((State::Length(rows), Missing::More)),
            },
            State::Piece(mut rows, left) => match read.some(left) {
                [] => Err((State::Piece(rows, left), Missing::More)),
                piece => {
                    if let Some((_, rows)) = &mut rows {
                        rows.feed(piece);
                    }
                    Ok(match left - piece.len() as u64 {
                        0 => State::Length(rows),
                        left => State::Piece(rows, left),
                    })
                }
            },
            State::LargeObject => match read.int() {
                Some(0) => Ok(State::Block),
                Some(_) => Ok(State::LargeLength),
                None => Err((State::LargeObject, Missing::More)),
            },
            State::LargeLength => match read.int() {
                Some(0) => Ok(State::LargeObject),
                Some(length) => Ok(State::LargePiece(length)),
                None => Err((State::LargeLength, Missing::More)),
            },
            State::LargePiece(left) => match read.some(left) {
                [] => Err((State::LargePiece(left), Missing::More)),
                piece => Ok(match left - piece.len() as u64 {
                    0 => State::LargeLength,
                    left => State::LargePiece(left),
                }),
            },
            over @ (State::Unknown | State::Broken(_)) => Err((over, Missing::More)),
        };
        match next {
            Ok(state) => {
                self.state = state;
                Step::Took(read.at)
            }
            Err((state, Missing::More)) => {
                self.state = state;
                Step::Wait
            }
            Err((_, Missing::Sense)) => {
                self.give_up();
                Step::Wait
            }
        }
    }

    fn read_head(&mut self, read: &mut Reader<'_>) -> Result<State, Missing> {
        if read.take(5)? != b"PGDMP" {
            return Err(Missing::Sense);
        }
        let (major, minor, _revision) = (read.byte()?, read.byte()?, read.byte()?);
        let mut head = Head {
            format: 0,
            minor,
            int_size: usize::from(read.byte()?),
            offset_size: usize::from(read.byte()?),
        };
        head.format = read.byte()?;
        let sizes = 1..=8;
        if !KNOWN.contains(&(major, minor))
            || ![CUSTOM, TAR, DIRECTORY].contains(&head.format)
            || !sizes.contains(&head.int_size)
            || !sizes.contains(&head.offset_size)
        {
            return Err(Missing::Sense);
        }
        read.head = head;
        let uncompressed = if minor >= 15 {
            read.byte()? == 0
        } else {
            read.number()? == 0
        };
        if !uncompressed {
            return Err(Missing::Sense);
        }
        // When it was made: seven numbers. Then the database, and two versions.
        for _ in 0..7 {
            read.number()?;
        }
        for _ in 0..3 {
            read.text()?;
        }
        self.entries = read.number()?;
        self.head = head;
        Ok(State::Entries)
    }

    fn read_entry(&mut self, read: &mut Reader<'_>) -> Result<State, Missing> {
        let id = read.number()?;
        let _had_dumper = read.number()?;
        let (_table_oid, _oid) = (read.text()?, read.text()?);
        let tag = read.text()?;
        let kind = read.text()?;
        let _section = read.number()?;
        let (_definition, _drop, _copy) = (read.text()?, read.text()?, read.text()?);
        let schema = read.text()?;
        let (_tablespace, _access_method) = (read.text()?, read.text()?);
        if self.head.minor >= 16 {
            read.number()?;
        }
        let (_owner, _with_oids) = (read.text()?, read.text()?);
        while read.text()?.is_some() {}
        // Where the rows are, which nobody knows yet when it is written to a pipe.
        let place = self.position + read.at as u64;
        let file = if self.head.format == CUSTOM {
            read.take(1 + self.head.offset_size)?;
            None
        } else {
            read.text()?
        };
        self.places.insert(id, place);
        self.entries -= 1;
        let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        self.must_be_logged.publishes |=
            kind.is_some_and(|kind| kind.starts_with(b"PUBLICATION TABLE"));
        if let (Some(b"FK CONSTRAINT"), Some(schema), Some(tag)) = (kind, schema, tag) {
            self.must_be_logged
                .references
                .push((lossy(schema), lossy(tag)));
        }
        if let (Some(b"TABLE DATA"), Some(schema), Some(tag)) = (kind, schema, tag) {
            let key = (lossy(schema), lossy(tag));
            if let Some(table) = self.tables.get(&key) {
                self.by_id.insert(id, table.clone());
                if let Some(file) = file {
                    let file = String::from_utf8_lossy(file).into_owned();
                    self.files.insert(file, table.clone());
                }
            }
        }
        Ok(State::Entries)
    }

    fn read_block(&mut self, read: &mut Reader<'_>) -> Result<State, Missing> {
        const DATA: u8 = 1;
        const LARGE_OBJECTS: u8 = 3;
        let kind = read.byte()?;
        let id = read.number()?;
        self.blocks.push((id, self.position));
        match kind {
            DATA => {
                let table = self.by_id.get(&id);
                Ok(State::Length(table.map(|table| {
                    (table.name.clone(), Rows::new(&table.columns))
                })))
            }
            LARGE_OBJECTS => Ok(State::LargeObject),
            _ => Err(Missing::Sense),
        }
    }

    fn end_block(&mut self, rows: Option<(String, Rows)>) -> State {
        let Some((name, rows)) = rows else {
            return State::Block;
        };
        match rows.end() {
            Some(sum) => {
                self.rows += sum.rows();
                self.seen.insert(name, sum);
                State::Block
            }
            None => State::Broken(name),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Missing {
    /// It has not come yet.
    More,
    /// It is not what it should be.
    Sense,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    head: Head,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Missing> {
        let end = self.at.checked_add(count).ok_or(Missing::Sense)?;
        let taken = self.bytes.get(self.at..end).ok_or(Missing::More)?;
        self.at = end;
        Ok(taken)
    }

    /// As many bytes as there are, at most so many.
    fn some(&mut self, most: u64) -> &'a [u8] {
        let there = self.bytes.len() - self.at;
        let count = usize::try_from(most).map_or(there, |most| most.min(there));
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        taken
    }

    fn byte(&mut self) -> Result<u8, Missing> {
        Ok(self.take(1)?[0])
    }

    /// A sign, and then its bytes, the least significant first.
    fn signed(&mut self) -> Result<Option<u64>, Missing> {
        let negative = self.byte()? != 0;
        let bytes = self.take(self.head.int_size)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        Ok((!negative).then_some(value))
    }

    fn number(&mut self) -> Result<u64, Missing> {
        // A negative number stands for "unknown", where it is allowed at all.
        Ok(self.signed()?.unwrap_or(0))
    }

    fn int(&mut self) -> Option<u64> {
        self.number().ok()
    }

    /// `None` is the text that is not there.
    fn text(&mut self) -> Result<Option<&'a [u8]>, Missing> {
        match self.signed()? {
            None => Ok(None),
            Some(length) => {
                let length = usize::try_from(length).map_err(|_| Missing::Sense)?;
                Ok(Some(self.take(length)?))
            }
        }
    }
}
