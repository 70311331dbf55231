//! Which tool a folder of migrations was written for.

use std::path::{Path, PathBuf};

use crate::layouts::folder::{self, name_of};
use crate::layouts::sections::{numbered, remark};
use crate::{Error, Layout};

type Guess = (Layout, String);

/// How far above the folder the files of a project are looked for.
const ABOVE: usize = 3;

pub(super) fn detect(folder: &Path) -> Result<Vec<Guess>, Error> {
    let files = folder::files(folder)?;
    let project = Project::around(folder);
    if let Some(guess) = by_folders(folder)? {
        return Ok(vec![guess]);
    }
    let sql: Vec<&PathBuf> = files
        .iter()
        .filter(|f| name_of(f).ends_with(".sql"))
        .collect();
    if let Some(guess) = by_markers(&sql) {
        return Ok(vec![guess]);
    }
    let names: Vec<&str> = files.iter().map(|f| name_of(f)).collect();
    let prefixed = names.iter().filter(|n| has_prefix(n)).count();
    if prefixed > 0 {
        return Ok(flyway_or_refinery(&names, &project));
    }
    let numbered: Vec<&str> = sql.iter().map(|f| name_of(f)).filter(is_numbered).collect();
    if !numbered.is_empty() {
        return Ok(by_number(folder, &numbered, &project));
    }
    Ok(match sql.first() {
        Some(file) => {
            let why = format!("{} has neither a number nor a marker", name_of(file));
            vec![(Layout::Plain, why)]
        }
        None => Vec::new(),
    })
}

/// Diesel and Prisma have a folder for each migration.
fn by_folders(folder: &Path) -> Result<Option<Guess>, Error> {
    if folder.join("migration_lock.toml").is_file() {
        let why = "migration_lock.toml is there".to_owned();
        return Ok(Some((Layout::Prisma, why)));
    }
    for below in folder::folders(folder)? {
        for (layout, file) in [
            (Layout::Diesel, "up.sql"),
            (Layout::Prisma, "migration.sql"),
        ] {
            if below.join(file).is_file() {
                return Ok(Some((
                    layout,
                    format!("{}/{file} is there", name_of(&below)),
                )));
            }
        }
    }
    Ok(None)
}

/// goose and dbmate have their own comments.
fn by_markers(sql: &[&PathBuf]) -> Option<Guess> {
    sql.iter().find_map(|path| {
        let text = folder::text(path).ok()?;
        let layout = numbered(&text).find_map(|(_, line)| match remark(line)? {
            "+goose Up" => Some(Layout::Goose),
            said if said.split_whitespace().next() == Some("migrate:up") => Some(Layout::Dbmate),
            _ => None,
        })?;
        let marker = match layout {
            Layout::Goose => "-- +goose Up",
            _ => "-- migrate:up",
        };
        Some((layout, format!("{} has `{marker}`", name_of(path))))
    })
}

fn has_prefix(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(['V', 'U', 'R', 'B']) else {
        return false;
    };
    let meant = rest.starts_with("__") || rest.starts_with(|c: char| c.is_ascii_digit());
    meant && [".sql", ".rs", ".java"].iter().any(|e| rest.ends_with(e))
}

fn flyway_or_refinery(names: &[&str], project: &Project) -> Vec<Guess> {
    let dotted = |name: &&&str| {
        let version = name[1..].split("__").next().unwrap_or_default();
        name.starts_with('V') && version.contains(['.', '_']) && !version.contains(".sql")
    };
    let ends = |end: &'static str| names.iter().find(move |n| n.ends_with(end));
    let flyway = names
        .iter()
        .filter(|n| has_prefix(n))
        .find(|n| n.starts_with(['R', 'B']))
        .or_else(|| names.iter().filter(|n| has_prefix(n)).find(dotted))
        .or_else(|| ends(".sql.conf"))
        .or_else(|| ends(".java"));
    let refinery = names.iter().find(|n| has_prefix(n) && n.ends_with(".rs"));
    if let Some(name) = flyway {
        return vec![(Layout::Flyway, format!("{name} is a name for Flyway only"))];
    }
    if let Some(name) = refinery {
        let why = format!("{name} is a name for refinery only");
        return vec![(Layout::Refinery, why)];
    }
    let flyway = project.has(&[
        "flyway.conf",
        "flyway.toml",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
    ]);
    let refinery = project.has(&["refinery.toml", "Cargo.toml"]);
    of_two(
        (Layout::Flyway, flyway),
        (Layout::Refinery, refinery),
        "names begin with V and a number",
    )
}

fn is_numbered(name: &&str) -> bool {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && name[digits..].starts_with('_')
}

fn by_number(folder: &Path, names: &[&str], project: &Project) -> Vec<Guess> {
    let in_rails = folder
        .ends_with("db/migrate")
        .then_some("db/migrate")
        .or_else(|| project.has(&["Gemfile", "config/database.yml"]));
    if let Some(why) = in_rails {
        return vec![(Layout::Rails, format!("{why} is there"))];
    }
    let sqlx = project.has(&["Cargo.toml", ".sqlx"]);
    let pairs = names.iter().any(|n| n.ends_with(".up.sql"));
    if !pairs {
        return of_two(
            (Layout::Sqlx, sqlx),
            (Layout::Plain, None),
            "names begin with a number",
        );
    }
    of_two(
        (Layout::Sqlx, sqlx),
        (Layout::GolangMigrate, project.has(&["go.mod"])),
        "names begin with a number and end in .up.sql",
    )
}

/// The one that the project speaks for, or both.
fn of_two(a: (Layout, Option<&str>), b: (Layout, Option<&str>), names: &str) -> Vec<Guess> {
    let told = |layout, file: &str| vec![(layout, format!("{names}, and {file} is there"))];
    match (a.1, b.1) {
        (Some(file), None) => told(a.0, file),
        (None, Some(file)) => told(b.0, file),
        _ => vec![(a.0, names.to_owned()), (b.0, names.to_owned())],
    }
}

/// The folders in which the files of the project may lie, the nearest first.
struct Project(Vec<PathBuf>);

impl Project {
    fn around(folder: &Path) -> Self {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Self(
            whole
                .ancestors()
                .take(ABOVE + 1)
                .map(Path::to_owned)
                .collect(),
        )
    }

    /// The first of the names that is there.
    fn has(&self, names: &[&'static str]) -> Option<&'static str> {
        let there = |folder: &PathBuf| names.iter().find(|name| folder.join(name).exists());
        self.0.iter().find_map(there).copied()
    }
}
