//! dbmate: <https://github.com/amacneil/dbmate#creating-migrations>

use std::path::Path;

use crate::layouts::checksum::sha384;
use crate::layouts::folder::{self, Found, Unsaid, bad, name_of, spaced};
use crate::layouts::sections::{self, Belongs, Section, numbered, remark};
use crate::{Error, Layout, Migration, Transactional, Workspace};

const MARKERS: &str = "-- migrate:up\n\n-- migrate:down";

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let mut found = Found::new(Layout::Dbmate);
    for path in folder::files(workspace.path())? {
        let file = name_of(&path);
        if let Some((version, name)) = naming(file) {
            found.add(migration(version, name, &path));
        } else if file.ends_with(".sql") {
            let text = folder::text(&path);
            if text.is_ok_and(|text| numbered(&text).any(|(_, line)| marker(line).is_some())) {
                let why = "its name does not begin with a number, so dbmate would ignore it";
                found.problem(bad(&path).because(why).with_help("<version>_<name>.sql"));
            }
        }
    }
    found.finish()
}

/// `^(\d+).*\.sql$`: the version is the digits, as text.
fn naming(file: &str) -> Option<(&str, String)> {
    let stem = file.strip_suffix(".sql")?;
    let digits = stem.bytes().take_while(u8::is_ascii_digit).count();
    let (version, name) = stem.split_at(digits);
    (digits > 0).then(|| (version, spaced(name.trim_start_matches('_'))))
}

/// Which way a line announces, and with which options.
fn marker(line: &str) -> Option<(Way, &str)> {
    let said = remark(line)?;
    let (way, options) = if let Some(options) = said.strip_prefix("migrate:up") {
        (Way::Up, options)
    } else {
        (Way::Down, said.strip_prefix("migrate:down")?)
    };
    let ends = options.is_empty() || options.starts_with(char::is_whitespace);
    ends.then_some((way, options))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

fn migration(version: &str, name: String, path: &Path) -> Result<Migration, Error> {
    let text = sections::read(path)?;
    let wrong = |line: u32, why: &str| {
        Err(bad(path).at(line, 1).because(why).with_help(format!(
            "one section for each way, in this order:\n{MARKERS}"
        )))
    };
    let (mut up, mut down) = (Section::default(), Section::default());
    let (mut up_said, mut down_said) = (None, None);
    let mut way = None;
    for (number, line) in numbered(&text) {
        if let Some((announced, options)) = marker(line) {
            match (way, announced) {
                // Newer releases take several pairs, one after the other.
                (None | Some(Way::Down), Way::Up) => up_said = up_said.or(outside(options)),
                (Some(Way::Up), Way::Down) => down_said = down_said.or(outside(options)),
                (None, Way::Down) => return wrong(number, "`-- migrate:down` comes before the up"),
                (Some(Way::Up), Way::Up) => return wrong(number, "`-- migrate:up` comes again"),
                (Some(Way::Down), Way::Down) => {
                    return wrong(number, "`-- migrate:down` comes again");
                }
            }
            way = Some(announced);
        } else if way.is_none() && !line.trim().is_empty() && remark(line.trim_start()).is_none() {
            return wrong(number, "a statement stands before `-- migrate:up`");
        }
        let ours = |it| {
            if way == Some(it) {
                Belongs::Here
            } else {
                Belongs::Elsewhere
            }
        };
        up.line(line, ours(Way::Up));
        down.line(line, ours(Way::Down));
    }
    if way.is_none() {
        return wrong(1, "it has no `-- migrate:up`");
    }
    if way == Some(Way::Up) {
        let last = numbered(&text).count() as u32;
        return wrong(last, "it has no `-- migrate:down`");
    }
    let (up, down) = (up.into_text(), down.into_text());
    let runs = |said: Option<Transactional>, sql: &str| {
        said.unwrap_or_else(|| folder::transactional(path, sql, Unsaid::Wrapped))
    };
    let mut migration = Migration::new(version, name, path, &up);
    migration.checksum = sha384(&text);
    migration.transaction = runs(up_said, &up);
    migration.down_transaction = runs(down_said, &down);
    Ok(migration.with_down(path, down))
}

fn outside(options: &str) -> Option<Transactional> {
    let said = options.split_whitespace().any(|o| o == "transaction:false");
    said.then_some(Transactional::No)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_digits_as_they_are() {
        let (version, name) = naming("0007_add_user.sql").unwrap();
        assert_eq!((version, name.as_str()), ("0007", "add user"));
        assert!(naming("seed.sql").is_none() && naming("1_a.txt").is_none());
    }

    #[test]
    fn markers_are_read_as_dbmate_reads_them() {
        assert!(matches!(marker("--migrate:up\n"), Some((Way::Up, ""))));
        let (way, options) = marker("--  migrate:down transaction:false\r\n").unwrap();
        assert_eq!(
            (way, outside(options)),
            (Way::Down, Some(Transactional::No))
        );
        for other in [" -- migrate:up", "-- migrate:upwards", "-- up", "SELECT 1;"] {
            assert!(marker(other).is_none(), "{other}");
        }
    }
}
