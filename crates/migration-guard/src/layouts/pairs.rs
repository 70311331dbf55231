//! Layouts whose way back is a file of its own beside the one that goes forward.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::layouts::folder::{self, Found, Unsaid, bad, duplicate, name_of};
use crate::{Error, Layout, Migration, Workspace};

/// A file whose name follows the layout.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) version: String,
    pub(super) name: String,
    pub(super) part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Up,
    Down,
}

/// What a layout makes of a file name.
#[derive(Debug)]
pub(super) enum Naming {
    Migration(Named),
    /// Not a migration for this tool; it ignores the file, and so do we.
    Other,
    /// Meant as a migration, and wrong: why.
    Bad(&'static str),
}

/// Cuts what says the direction from the end of a file's name; `None` when it is not SQL.
pub(super) fn direction(file: &str) -> Option<(Part, &str)> {
    let stem = file.strip_suffix(".sql")?;
    Some(if let Some(stem) = stem.strip_suffix(".up") {
        (Part::Up, stem)
    } else if let Some(stem) = stem.strip_suffix(".down") {
        (Part::Down, stem)
    } else {
        (Part::Up, stem)
    })
}

/// Reads the folder with the layout's own naming; `shape` is how a name should look.
pub(super) fn read(
    workspace: &Workspace,
    layout: Layout,
    naming: fn(&str) -> Naming,
    unsaid: Unsaid,
    shape: &'static str,
) -> Result<Vec<Migration>, Error> {
    let mut found = Found::new(layout);
    let mut ups: BTreeMap<String, (String, PathBuf)> = BTreeMap::new();
    let mut downs: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in folder::files(workspace.path())? {
        let named = match naming(name_of(&path)) {
            Naming::Other => continue,
            Naming::Bad(why) => {
                found.problem(bad(&path).because(why).with_help(shape));
                continue;
            }
            Naming::Migration(named) => named,
        };
        let version = named.version;
        let other = match named.part {
            Part::Up => ups.get(&version).map(|(_, path)| path),
            Part::Down => downs.get(&version),
        };
        match (other, named.part) {
            (Some(other), _) => found.problem(duplicate(&path, other, &version)),
            (None, Part::Up) => drop(ups.insert(version, (named.name, path))),
            (None, Part::Down) => drop(downs.insert(version, path)),
        }
    }
    for (version, (name, path)) in ups {
        let down = downs.remove(&version);
        found.add(migration(version, name, &path, down.as_deref(), unsaid));
    }
    for path in downs.values() {
        let why = "it takes back a version that has no up file";
        found.problem(
            bad(path)
                .because(why)
                .with_help("add the up file, or remove this one"),
        );
    }
    found.finish()
}

/// One migration from its files.
pub(super) fn migration(
    version: String,
    name: String,
    path: &Path,
    down: Option<&Path>,
    unsaid: Unsaid,
) -> Result<Migration, Error> {
    let sql = folder::some_text(path)?;
    let mut migration = Migration::new(version, name, path, &sql);
    migration.transaction = folder::transactional(path, &sql, unsaid);
    if let Some(down) = down {
        let sql = folder::text(down)?;
        migration.down_transaction = folder::transactional(down, &sql, unsaid);
        migration = migration.with_down(down, sql);
    }
    Ok(migration)
}
