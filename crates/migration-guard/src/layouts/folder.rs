use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sql::Script;
use crate::{Error, ErrorKind, Migration, Transactional, Workspace};

/// A file whose name follows the layout.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) version: i64,
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

/// Reads the folder with the layout's own naming. All problems are collected; the first is the
/// error.
pub(super) fn read(
    workspace: &Workspace,
    naming: fn(&str) -> Naming,
) -> Result<Vec<Migration>, Error> {
    let mut problems = Vec::new();
    let mut ups: BTreeMap<i64, (String, PathBuf)> = BTreeMap::new();
    let mut downs: BTreeMap<i64, PathBuf> = BTreeMap::new();
    for path in files(workspace.path())? {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        match naming(name) {
            Naming::Other => {}
            Naming::Bad(why) => problems.push(
                bad(&path)
                    .because(why)
                    .with_help("<version>_<name>.up.sql, the version a positive number"),
            ),
            Naming::Migration(Named {
                version,
                name,
                part: Part::Up,
            }) => {
                if let Some((_, other)) = ups.get(&version) {
                    problems.push(duplicate(&path, other, version));
                } else {
                    ups.insert(version, (name, path));
                }
            }
            Naming::Migration(Named {
                version,
                part: Part::Down,
                ..
            }) => {
                if let Some(other) = downs.get(&version) {
                    problems.push(duplicate(&path, other, version));
                } else {
                    downs.insert(version, path);
                }
            }
        }
    }
    let mut migrations = Vec::new();
    for (version, (name, path)) in ups {
        let down = downs.remove(&version);
        match migration(version, name, path, down) {
            Ok(migration) => migrations.push(migration),
            Err(error) => problems.push(error),
        }
    }
    problems.extend(downs.values().map(|path| {
        bad(path)
            .because("it takes back a version that has no up file")
            .with_help("add the up file, or remove this one")
    }));
    first_of(problems).map_or(Ok(migrations), Err)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| {
        let why = error.kind().to_string();
        Error::of_file(ErrorKind::Workspace, "read migrations folder", folder)
            .because(why)
            .with_source(error)
            .with_help("the path must be the folder that holds the .sql files")
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn migration(
    version: i64,
    name: String,
    path: PathBuf,
    down: Option<PathBuf>,
) -> Result<Migration, Error> {
    let sql = text(&path)?;
    if sql.trim().is_empty() {
        return Err(bad(&path)
            .because("it is empty")
            .with_help("write the migration, or remove the file"));
    }
    let mut migration = Migration::new(version.to_string(), name, &path, &sql);
    migration.transaction = transactional(&path, &sql);
    if let Some(down) = down {
        let sql = text(&down)?;
        migration.down_transaction = transactional(&down, &sql);
        migration = migration.with_down(down, sql);
    }
    Ok(migration)
}

fn text(path: &Path) -> Result<String, Error> {
    // A pipe would never end.
    if !path.is_file() {
        return Err(bad(path).because("it is not a regular file"));
    }
    let bytes = fs::read(path).map_err(|error| {
        let why = error.kind().to_string();
        bad(path).because(why).with_source(error)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|b| **b == b'\n').count() as u32 + 1;
        let start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |n| n + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() as u32 + 1;
        bad(path)
            .at(line, column)
            .because("it is not UTF-8")
            .with_help("save the file as UTF-8")
    })
}

/// In a transaction unless the first line says otherwise or the file ends transactions itself.
/// A file that does not parse is wrapped; it is refused before it is run anyway.
fn transactional(path: &Path, sql: &str) -> Transactional {
    if sql.starts_with("-- no-transaction") {
        return Transactional::No;
    }
    match Script::parse(path, sql) {
        Ok(script) if script.controls_transactions() => Transactional::No,
        _ => Transactional::Yes,
    }
}

fn bad(path: &Path) -> Error {
    Error::of_file(ErrorKind::Workspace, "read migration", path)
}

fn duplicate(path: &Path, other: &Path, version: i64) -> Error {
    let other = other.file_name().unwrap_or_default().to_string_lossy();
    bad(path)
        .because(format!("version {version} is also that of {other}"))
        .with_help("give one of them a later version")
}

fn first_of(mut problems: Vec<Error>) -> Option<Error> {
    if problems.is_empty() {
        return None;
    }
    let first = problems.remove(0);
    if problems.is_empty() {
        return Some(first);
    }
    let rest: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let help = first.help().unwrap_or_default().to_owned();
    Some(first.with_help(format!("{help}; also failed to {}", rest.join(", "))))
}
