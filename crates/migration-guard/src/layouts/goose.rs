//! goose: <https://pressly.github.io/goose/documentation/annotations/>

use std::path::Path;

use crate::layouts::checksum::sha384;
use crate::layouts::folder::{self, Found, Unsaid, bad, name_of, plain_number, spaced};
use crate::layouts::sections::{self, Belongs, Section, numbered, remark};
use crate::{Error, ErrorKind, Layout, Migration, Transactional, Workspace};

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let mut found = Found::new(Layout::Goose);
    for path in folder::files(workspace.path())? {
        match naming(name_of(&path)) {
            Naming::Other => {}
            Naming::Bad(why) => found.problem(
                bad(&path)
                    .because(why)
                    .with_help("<number>_<name>.sql, the number from 1"),
            ),
            Naming::Migration { version, name } => found.add(migration(version, name, &path)),
        }
    }
    found.finish()
}

enum Naming {
    Migration { version: String, name: String },
    Other,
    Bad(&'static str),
}

/// Number, `_` and name; Go files count as migrations, too, unless they are tests.
fn naming(file: &str) -> Naming {
    let numbered = file.starts_with(|c: char| c.is_ascii_digit());
    if numbered && file.ends_with(".go") && !file.ends_with("_test.go") {
        return Naming::Bad("it is Go, and only the program that holds it can run that");
    }
    let Some(stem) = file.strip_suffix(".sql").filter(|_| numbered) else {
        return Naming::Other;
    };
    let Some((version, name)) = stem.split_once('_') else {
        return Naming::Bad("its name has no _ behind the number, so goose would refuse it");
    };
    match plain_number(version, i64::MAX) {
        Some(version) if version != "0" => Naming::Migration {
            version,
            name: spaced(name),
        },
        _ => Naming::Bad("its name does not begin with a positive number of 63 bits"),
    }
}

/// Where in the file a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Up,
    UpStatement,
    Down,
    DownStatement,
}

impl At {
    /// Where the annotation leads, or why it cannot stand here.
    fn after(self, annotation: &str) -> Result<Self, &'static str> {
        match (annotation, self) {
            ("Up", Self::Start) => Ok(Self::Up),
            ("Up", _) => Err("`-- +goose Up` comes again"),
            ("Down", Self::Up) => Ok(Self::Down),
            ("Down", Self::Start) => Err("`-- +goose Down` comes before the up"),
            ("Down", Self::UpStatement) => Err("`-- +goose StatementEnd` is missing before it"),
            ("Down", _) => Err("`-- +goose Down` comes again"),
            ("StatementBegin", Self::Up) => Ok(Self::UpStatement),
            ("StatementBegin", Self::Down) => Ok(Self::DownStatement),
            ("StatementBegin", _) => Err("`-- +goose StatementBegin` cannot stand here"),
            ("StatementEnd", Self::UpStatement) => Ok(Self::Up),
            ("StatementEnd", Self::DownStatement) => Ok(Self::Down),
            ("StatementEnd", _) => Err("`-- +goose StatementEnd` has no begin"),
            ("NO TRANSACTION" | "ENVSUB OFF", here) => Ok(here),
            _ => Err("goose knows no such annotation"),
        }
    }
}

fn migration(version: String, name: String, path: &Path) -> Result<Migration, Error> {
    let text = sections::read(path)?;
    let wrong = |line: u32, why: &str| {
        bad(path)
            .at(line, 1)
            .because(why)
            .with_help("-- +goose Up\n\n-- +goose Down")
    };
    let (mut up, mut down) = (Section::default(), Section::default());
    let mut at = At::Start;
    let mut said = None;
    for (number, line) in numbered(&text) {
        let annotation = remark(line).and_then(|said| said.strip_prefix("+goose "));
        if let Some(annotation) = annotation.map(str::trim) {
            if annotation == "ENVSUB ON" {
                return Err(substituted(path, number));
            }
            at = at.after(annotation).map_err(|why| wrong(number, why))?;
            if annotation == "NO TRANSACTION" {
                said = Some(Transactional::No);
            }
        } else if at == At::Start && !line.trim().is_empty() && remark(line.trim_start()).is_none()
        {
            return Err(wrong(number, "a statement stands before `-- +goose Up`"));
        }
        let belongs = |here: bool| {
            if here {
                Belongs::Here
            } else {
                Belongs::Elsewhere
            }
        };
        up.line(line, belongs(matches!(at, At::Up | At::UpStatement)));
        down.line(line, belongs(matches!(at, At::Down | At::DownStatement)));
    }
    let last = numbered(&text).count().max(1) as u32;
    match at {
        At::Start => return Err(wrong(1, "it has no `-- +goose Up`")),
        At::UpStatement | At::DownStatement => {
            return Err(wrong(last, "`-- +goose StatementEnd` is missing"));
        }
        At::Up | At::Down => {}
    }
    let has_down = down.is_there();
    let (up, down) = (up.into_text(), down.into_text());
    let runs =
        |sql: &str| said.unwrap_or_else(|| folder::transactional(path, sql, Unsaid::Wrapped));
    let mut migration = Migration::new(version, name, path, &up);
    migration.checksum = sha384(&text);
    migration.transaction = runs(&up);
    if has_down {
        migration.down_transaction = runs(&down);
        migration = migration.with_down(path, down);
    }
    Ok(migration)
}

fn substituted(path: &Path, line: u32) -> Error {
    Error::of_file(ErrorKind::Unsupported, "read migration", path)
        .at(line, 1)
        .because("it takes variables from goose's environment, so nobody else knows its SQL")
        .with_help("write the values out, or leave this migration to goose")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_goose_reads_them() {
        assert!(matches!(
            naming("00007_add_user.sql"),
            Naming::Migration { version, name } if version == "7" && name == "add user"
        ));
        for bad in ["7_a.go", "7.sql", "0_a.sql", "7a_b.sql"] {
            assert!(matches!(naming(bad), Naming::Bad(_)), "{bad}");
        }
        for other in ["7_a_test.go", "main.go", "seed.sql", "7_a.txt"] {
            assert!(matches!(naming(other), Naming::Other), "{other}");
        }
    }
}
