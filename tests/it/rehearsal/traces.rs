use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ripcord_conninfo::{Conninfo, Nothing};

use crate::support::{Pg, Seen, processes, until};

/// The whole database as pg_dump writes it: a second opinion on whether anything was touched.
pub(super) fn dump(pg: &Pg) -> String {
    let done = Command::new("pg_dump")
        .envs(Conninfo::parse(&pg.url, &Nothing).unwrap().libpq_env())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let text = String::from_utf8_lossy(&done.stdout);
    // Newer ones write a random key.
    let lines = text.lines().filter(|l| !l.contains("restrict"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The folders of rehearsals below `parent`.
pub(super) fn rehearsals(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// Processes that work below this folder, other than a service.
pub(super) fn at_work(folder: &Path) -> Vec<Seen> {
    processes()
        .into_iter()
        .filter(|p| p.cwd.as_ref().is_some_and(|cwd| cwd.starts_with(folder)))
        .filter(|p| !p.vars.contains_key("RIPCORD_SERVICE"))
        .collect()
}

/// Nothing runs below `folder`, and no rehearsal is left below `parent`.
#[track_caller]
pub(super) fn assert_nothing_left(folder: &Path, parent: &Path) {
    assert_eq!(rehearsals(parent), Vec::<PathBuf>::new());
    // The last of a server's processes end a moment after the first.
    let gone = || at_work(folder).is_empty().then_some(());
    until(&format!("the end of {:#?}", at_work(folder)), gone);
}
