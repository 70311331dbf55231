use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sql::Script;
use crate::{Error, ErrorKind, Layout, Migration, Transactional};

/// What was found in a folder: migrations, and all that is wrong with it.
#[derive(Debug)]
pub(super) struct Found {
    layout: Layout,
    migrations: Vec<Migration>,
    problems: Vec<Error>,
}

impl Found {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            migrations: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, problem: Error) {
        self.problems.push(problem);
    }

    /// Adds a migration, or the reason why there is none.
    pub(super) fn add(&mut self, migration: Result<Migration, Error>) {
        match migration {
            Ok(migration) => {
                let version = &migration.version;
                match self.migrations.iter().find(|m| m.version == *version) {
                    Some(other) => {
                        self.problems
                            .push(duplicate(&migration.up, &other.up, version));
                    }
                    None => self.migrations.push(migration),
                }
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    pub(super) fn get_mut(&mut self, version: &str) -> Option<&mut Migration> {
        self.migrations.iter_mut().find(|m| m.version == version)
    }

    /// The migrations, oldest first; the first problem is the error, the others are in its help.
    pub(super) fn finish(mut self) -> Result<Vec<Migration>, Error> {
        if let Some(error) = first_of(self.problems) {
            return Err(error);
        }
        self.migrations
            .sort_by(|a, b| self.layout.compare(&a.version, &b.version));
        Ok(self.migrations)
    }
}

/// The files of a folder, by name.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    entries(folder).map(|paths| paths.into_iter().filter(|p| !p.is_dir()).collect())
}

/// The folders of a folder, by name, without hidden ones.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let visible = |path: &PathBuf| path.is_dir() && !name_of(path).starts_with('.');
    entries(folder).map(|paths| paths.into_iter().filter(visible).collect())
}

/// The files of a folder and of all folders in it. A folder counts once, by whatever links it is
/// reached: those that lead back to a folder above would not end.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
            continue;
        }
        all.extend(files(&folder)?);
        // The folder itself comes before a link to it.
        let (links, own): (Vec<_>, Vec<_>) =
            folders(&folder)?.into_iter().partition(|f| f.is_symlink());
        open.splice(0..0, links);
        open.extend(own);
    }
    all.sort();
    Ok(all)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| {
        let why = error.to_string();
        Error::of_file(ErrorKind::Workspace, "read migrations folder", folder)
            .because(why)
            .with_source(error)
            .with_help("the path must be the folder that holds the migrations")
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The last part of a path; empty when it is not text.
pub(super) fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
}

/// A file's text, which must not be empty.
pub(super) fn some_text(path: &Path) -> Result<String, Error> {
    let sql = text(path)?;
    if sql.trim().is_empty() {
        return Err(bad(path)
            .because("it is empty")
            .with_help("write the migration, or remove the file"));
    }
    Ok(sql)
}

pub(super) fn text(path: &Path) -> Result<String, Error> {
    // A pipe would never end.
    if !path.is_file() {
        return Err(bad(path)
            .because("it is not a regular file")
            .with_help("remove it, or put the file itself in its place"));
    }
    let bytes = fs::read(path).map_err(|error| {
        let why = error.to_string();
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

/// Who opens the transaction, where the file does not say so in its tool's own way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsaid {
    /// The runner, always.
    Wrapped,
    /// A first line `-- no-transaction` says that nobody does.
    FirstLine,
    /// The tool sends the file as it is: what a transaction refuses works where it is alone.
    AsSent,
    /// Either of these two.
    FirstLineOrAsSent,
    /// The tool looks at the statements: none is opened if all of them refuse one.
    ByStatements,
}

/// In a transaction unless the file says otherwise or ends transactions itself. A file that does
/// not parse is wrapped; it is refused before it is run anyway.
pub(super) fn transactional(path: &Path, sql: &str, unsaid: Unsaid) -> Transactional {
    let first_line = matches!(unsaid, Unsaid::FirstLine | Unsaid::FirstLineOrAsSent);
    if first_line && sql.starts_with("-- no-transaction") {
        return Transactional::No;
    }
    let Ok(script) = Script::parse(path, sql) else {
        return Transactional::Yes;
    };
    let statements = script.statements();
    let refused = statements
        .iter()
        .filter(|s| s.is_non_transactional())
        .count();
    let outside = match unsaid {
        Unsaid::Wrapped | Unsaid::FirstLine => false,
        Unsaid::AsSent | Unsaid::FirstLineOrAsSent => statements.len() == 1 && refused == 1,
        Unsaid::ByStatements => refused > 0 && refused == statements.len(),
    };
    if outside || script.controls_transactions() {
        Transactional::No
    } else {
        Transactional::Yes
    }
}

pub(super) fn bad(path: &Path) -> Error {
    Error::of_file(ErrorKind::Workspace, "read migration", path)
}

pub(super) fn duplicate(path: &Path, other: &Path, version: &str) -> Error {
    let mut other_name = name_of(other).to_owned();
    if other_name == name_of(path) {
        other_name = other.display().to_string();
    }
    bad(path)
        .because(format!("version {version} is also that of {other_name}"))
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

/// A name as people read it.
pub(super) fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// A number without its leading zeros; `None` when it is none or above `limit`.
pub(super) fn plain_number(text: &str, limit: i64) -> Option<String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = text.parse::<i64>().ok()?;
    (number <= limit).then(|| number.to_string())
}
