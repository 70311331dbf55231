//! Room on the disk for what is written a second time.

use std::collections::BTreeMap;

use crate::lint::readable;
use crate::live::catalogue::Catalogue;
use crate::live::question::relation;
use crate::live::touch::Labour;
use crate::live::{LiveOptions, Work};

/// What rewrites and index builds need on the disk for as long as they run.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Headroom {
    /// The table, as SQL writes it.
    pub table: String,
    /// Bytes for a second copy of the table and its indexes, and the same for the log.
    pub needed_bytes: i64,
    /// Free bytes; `None` if nobody said. The server has no function that tells.
    pub free_bytes: Option<u64>,
    /// In one sentence without a full stop.
    pub message: String,
    /// Whether it does not fit.
    pub blocks: bool,
}

pub(super) fn headroom(
    catalogue: &Catalogue,
    labours: &[Labour],
    limits: &LiveOptions,
) -> Vec<Headroom> {
    let mut rewritten: BTreeMap<String, i64> = BTreeMap::new();
    for labour in labours.iter().filter(|l| l.work == Work::Rewrite) {
        if let Some(table) = catalogue.snapshot.tables.get(labour.at) {
            // The old files and the new ones, and all of the new ones in the log.
            let needed = 2 * (table.bytes + table.index_bytes);
            rewritten.insert(relation(table), needed);
        }
    }
    let rewritten = rewritten.into_iter().filter(|(_, needed)| *needed > 0);
    rewritten
        .map(|(table, needed)| one(table, needed, limits.free_bytes))
        .collect()
}

fn one(table: String, needed: i64, free: Option<u64>) -> Headroom {
    let room = match free {
        Some(free) => format!(
            "{} are free",
            readable(i64::try_from(free).unwrap_or(i64::MAX))
        ),
        None => "how much is free is unknown, because the server does not tell".to_owned(),
    };
    Headroom {
        message: format!(
            "writing {table} anew needs {} on the disk, the log included; {room}",
            readable(needed)
        ),
        table,
        needed_bytes: needed,
        free_bytes: free,
        blocks: free.is_some_and(|free| needed.unsigned_abs() > free),
    }
}
