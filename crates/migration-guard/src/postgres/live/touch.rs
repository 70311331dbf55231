//! What pending migrations do to tables that are there.

use std::path::PathBuf;

use crate::lint::{LintOptions, LockMode, Replayed, Unit, replay};
use crate::live::catalogue::Catalogue;
use crate::live::derive::{self, Wanted};
use crate::live::duration::Work;
use crate::snapshot::Table;
use crate::sql::Name;
use crate::sql::model::{ConstraintKind, Kind, TableAction};

/// A statement at a table, by the table's place in the snapshot.
#[derive(Clone, Debug)]
pub(super) struct Touch {
    pub(super) at: usize,
    pub(super) lock: LockMode,
}

/// A statement that reads or writes all of a table.
#[derive(Clone, Debug)]
pub(super) struct Labour {
    pub(super) at: usize,
    pub(super) place: Place,
    pub(super) work: Work,
    pub(super) lock: Option<LockMode>,
}

/// Where a statement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) line: u32,
}

#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) touches: Vec<Touch>,
    pub(super) labours: Vec<Labour>,
    pub(super) wanted: Vec<Wanted>,
    /// Whether a statement waits for every older transaction, whatever it holds.
    pub(super) concurrent: bool,
}

/// Finds out what `chain` does to the tables of `catalogue`.
pub(super) fn touched(chain: &[Unit], options: &LintOptions, catalogue: &Catalogue) -> Touched {
    let mut found = Touched::default();
    let mut written = derive::Written::default();
    replay(chain, options, |step| {
        let place = Place {
            file: step.unit.script.path().to_owned(),
            line: step.place.0,
        };
        for (name, lock) in &step.effects.locks {
            if let Some(at) = locate(step, catalogue, name) {
                found.touches.push(Touch { at, lock: *lock });
            }
        }
        labours(step, catalogue, &place, &mut found.labours);
        found.concurrent |= waits_for_all(step.kind);
        found
            .wanted
            .extend(derive::wanted(step, catalogue, &place, &written));
        written.remember(step, &place);
    });
    found
}

fn labours(step: &Replayed<'_>, catalogue: &Catalogue, place: &Place, out: &mut Vec<Labour>) {
    // TRUNCATE makes new files and leaves them empty.
    if matches!(step.kind, Kind::Truncate { .. }) {
        return;
    }
    let index = match step.kind {
        Kind::CreateIndex(it) if it.concurrently => Some(Work::ConcurrentIndexBuild),
        Kind::CreateIndex(_) => Some(Work::IndexBuild),
        Kind::AlterTable(it) if it.actions.iter().any(builds) => Some(Work::IndexBuild),
        _ => None,
    };
    let rewrites = step.effects.rewrites.iter().map(|t| (t, Work::Rewrite));
    let scans = step.effects.scans.iter();
    let scans = scans.filter(|t| !step.effects.rewrites(t));
    for (name, work) in rewrites.chain(scans.map(|t| (t, index.unwrap_or(Work::Scan)))) {
        let Some(at) = locate(step, catalogue, name) else {
            continue;
        };
        // A statement with several actions goes through the rows once.
        if !out.iter().any(|l| l.at == at && l.place == *place) {
            out.push(Labour {
                at,
                place: place.clone(),
                work,
                lock: step.effects.on(name),
            });
        }
    }
}

/// Whether a key is added that has no index yet.
fn builds(action: &TableAction) -> bool {
    let TableAction::AddConstraint(constraint) = action else {
        return false;
    };
    match &constraint.kind {
        ConstraintKind::Unique { using_index, .. }
        | ConstraintKind::PrimaryKey { using_index, .. } => using_index.is_none(),
        kind => *kind == ConstraintKind::Exclude,
    }
}

/// A concurrent build or drop of an index, and a concurrent DETACH, wait for all old transactions.
fn waits_for_all(kind: &Kind) -> bool {
    match kind {
        Kind::CreateIndex(it) => it.concurrently,
        Kind::Drop(it) => it.concurrently,
        Kind::Reindex { concurrently, .. } => *concurrently,
        Kind::AlterTable(it) => it.actions.iter().any(|a| {
            matches!(
                a,
                TableAction::DetachPartition {
                    concurrently: true,
                    ..
                }
            )
        }),
        _ => false,
    }
}

/// The table of the snapshot that a statement means: none that the chain made itself.
pub(super) fn locate(step: &Replayed<'_>, catalogue: &Catalogue, name: &Name) -> Option<usize> {
    let known = step.state.table(name);
    if known.is_some_and(|t| t.new) {
        return None;
    }
    let snapshot = &catalogue.snapshot;
    let mut found = None;
    if name.schema.is_none() && !step.state.search_path.is_empty() {
        let path = step.state.search_path.split(',');
        let mut path = path.map(|s| s.trim().trim_matches(['"', '\'']));
        found = path.find_map(|schema| snapshot.table(Some(schema), &name.name));
    }
    let found: &Table = found.or_else(|| snapshot.table(name.schema.as_deref(), &name.name))?;
    snapshot.tables.iter().position(|t| std::ptr::eq(t, found))
}
