//! How long statements will work, from how fast this server reads one of its own tables.

use std::path::PathBuf;
use std::time::Instant;

use crate::lint::{Estimate, LockMode};
use crate::live::catalogue::Catalogue;
use crate::live::question::{ident, relation};
use crate::live::reader::Reader;
use crate::live::touch::Labour;
use crate::live::{LiveOptions, Unknown};
use crate::snapshot::{Size, Snapshot, Table, TableKind};

/// A statement that reads or writes all of a table, and how long that takes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cost {
    /// The migration's file.
    pub file: PathBuf,
    /// The line of the statement, from 1.
    pub line: u32,
    /// The table, as SQL writes it.
    pub table: String,
    /// What it does to all rows.
    pub work: Work,
    /// The lock that it holds on the table for so long.
    pub lock: Option<LockMode>,
    /// How long, and for how many bytes. A multiple of one sequential scan, see [`Estimate`].
    pub estimate: Estimate,
    /// Where the speed comes from.
    pub basis: Basis,
}

/// What a statement does to all rows of a table.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Work {
    /// Reads them.
    Scan,
    /// Reads them and writes an index.
    IndexBuild,
    /// The same in two passes, while the table is in use.
    ConcurrentIndexBuild,
    /// Writes them and all indexes anew.
    Rewrite,
}

/// Where a speed comes from.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Basis {
    /// A part of a table of this database was read. What was in memory was read from there.
    Measured,
    /// No table is large enough, or none could be read: [`LiveOptions::assumed_bytes_per_second`].
    Assumed,
}

/// A smaller table says more about the network than about the disk.
const LEAST: i64 = 8 << 20;

/// Reads a part of the largest of all tables, and gives bytes a second; `None` if all are small.
pub(super) async fn measure_largest(
    reader: &Reader,
    snapshot: &Snapshot,
    limits: &LiveOptions,
) -> Result<Option<u64>, Unknown> {
    let largest = snapshot.tables.iter().max_by_key(|t| t.bytes);
    match largest {
        Some(table) => measure(reader, table, limits).await,
        None => Ok(None),
    }
}

/// The same with the largest of the tables that have work done on them.
pub(super) async fn measure_worked_on(
    reader: &Reader,
    catalogue: &Catalogue,
    labours: &[Labour],
    limits: &LiveOptions,
) -> Result<Option<u64>, Unknown> {
    let tables = labours
        .iter()
        .filter_map(|l| catalogue.snapshot.tables.get(l.at));
    let parts = tables.flat_map(|table| {
        let mut all = catalogue.snapshot.partitions(table);
        all.push(table);
        all
    });
    match parts.max_by_key(|t| t.bytes) {
        Some(table) => measure(reader, table, limits).await,
        None => Ok(None),
    }
}

async fn measure(
    reader: &Reader,
    table: &Table,
    limits: &LiveOptions,
) -> Result<Option<u64>, Unknown> {
    let has_rows = matches!(
        table.kind,
        TableKind::Ordinary | TableKind::MaterializedView
    );
    // A range of row numbers is read as a range of pages since version 14.
    if table.bytes < LEAST || !has_rows || reader.version < 140_000 {
        return Ok(None);
    }
    let unknown = |why: String| {
        let what = format!("how fast {} is read", relation(table));
        Unknown::new(what, why)
    };
    let name = format!("{}.{}", ident(&table.schema), ident(&table.name));
    let row = reader
        .rows(
            "SELECT pg_catalog.current_setting('block_size')::bigint",
            &[],
        )
        .await
        .map_err(|refusal| unknown(refusal.why))?;
    let page: i64 = row.first().map_or(8192, |row| row.get(0));
    let sample = limits.sample_bytes.min(table.bytes.unsigned_abs());
    let pages = sample / page.unsigned_abs().max(1);
    let nothing = format!("SELECT count(*) FROM ONLY {name} WHERE ctid < '(0,1)'::tid");
    let some = format!("SELECT count(*) FROM ONLY {name} WHERE ctid < '({pages},0)'::tid");
    let started = Instant::now();
    let empty = reader.look(&nothing).await;
    empty.map_err(|refusal| unknown(refusal.why))?;
    let overhead = started.elapsed();
    let started = Instant::now();
    let read = reader.look(&some).await;
    read.map_err(|refusal| unknown(refusal.why))?;
    let took = started.elapsed().saturating_sub(overhead).as_secs_f64();
    Ok(Some((sample as f64 / took.max(0.001)) as u64))
}

pub(super) fn costs(
    catalogue: &Catalogue,
    labours: &[Labour],
    speed: Option<u64>,
    limits: &LiveOptions,
) -> Vec<Cost> {
    let (speed, basis) = match speed {
        Some(speed) => (speed, Basis::Measured),
        None => (limits.assumed_bytes_per_second, Basis::Assumed),
    };
    let cost = |labour: &Labour| {
        let table = catalogue.snapshot.tables.get(labour.at)?;
        let size = own_size(catalogue, table);
        if size.bytes == 0 {
            return None;
        }
        Some(Cost {
            file: labour.place.file.clone(),
            line: labour.place.line,
            table: relation(table),
            work: labour.work,
            lock: labour.lock,
            estimate: match labour.work {
                Work::Scan => Estimate::of_scan(size, speed),
                Work::IndexBuild => Estimate::of_index(size, speed),
                Work::ConcurrentIndexBuild => Estimate::of_index(size, speed.div_ceil(2)),
                Work::Rewrite => Estimate::of_rewrite(size, speed),
            },
            basis,
        })
    };
    labours.iter().filter_map(cost).collect()
}

/// Partitions are worked on under their own names.
fn own_size(catalogue: &Catalogue, table: &Table) -> Size {
    let mut own = table.clone();
    own.partition_of = None;
    match table.kind {
        TableKind::Partitioned => Size {
            bytes: 0,
            index_bytes: 0,
            rows: Some(0),
        },
        _ => catalogue.snapshot.size(table),
    }
}
