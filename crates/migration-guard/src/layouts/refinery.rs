//! refinery: <https://docs.rs/refinery>

use std::path::Path;

use crate::layouts::checksum::{self, Width};
use crate::layouts::folder::{self, Found, Unsaid, bad, name_of, plain_number, spaced};
use crate::migration::Place;
use crate::{Error, Layout, Migration, Workspace};

/// Folders are read to their depths, as refinery does.
pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let mut found = Found::new(Layout::Refinery);
    for path in folder::files_below(workspace.path())? {
        match naming(name_of(&path)) {
            Naming::Other => {}
            Naming::Bad(why) => {
                let shape = "V<number>__<name>.sql, the name of letters, digits and _";
                found.problem(bad(&path).because(why).with_help(shape));
            }
            Naming::Migration {
                version,
                name,
                place,
            } => found.add(migration(version, name, place, &path)),
        }
    }
    found.finish()
}

#[derive(Debug)]
enum Naming<'a> {
    Migration {
        version: String,
        name: &'a str,
        place: Place,
    },
    Other,
    Bad(&'static str),
}

/// `^([U|V])(\d+(?:\.\d+)?)__(\w+)\.(rs|sql)$`, of which only whole numbers are taken.
fn naming(file: &str) -> Naming<'_> {
    let (place, rest) = match (file.strip_prefix('V'), file.strip_prefix('U')) {
        (Some(rest), _) => (Place::InOrder, rest),
        (_, Some(rest)) => (Place::Anywhere, rest),
        _ => return Naming::Other,
    };
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Naming::Other;
    }
    let (stem, ruled) = match (rest.strip_suffix(".sql"), rest.strip_suffix(".rs")) {
        (Some(stem), _) => (stem, false),
        (_, Some(stem)) => (stem, true),
        _ => return Naming::Other,
    };
    let Some((version, name)) = stem.split_once("__") else {
        return Naming::Bad("its name has no __ behind the number, so refinery would ignore it");
    };
    if ruled {
        return Naming::Bad("it is Rust, and only the program that holds it can run that");
    }
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Naming::Bad("its name has other signs than \\w, so refinery would ignore it");
    }
    match plain_number(version, i64::MAX) {
        Some(version) => Naming::Migration {
            version,
            name,
            place,
        },
        None => Naming::Bad("its version is not a whole number"),
    }
}

fn migration(version: String, name: &str, place: Place, path: &Path) -> Result<Migration, Error> {
    let sql = folder::some_text(path)?;
    let mut migration = Migration::new(version, spaced(name), path, &sql);
    let number = migration.number();
    let wide = checksum::refinery(name, number, &sql, Width::Int8).unwrap_or_default();
    // Which of the two counts is told by the width of the column in the state table.
    match checksum::refinery(name, number, &sql, Width::Int4) {
        Some(checksum) => {
            migration.checksum = checksum;
            migration.native.wide_checksum = Some(wide);
        }
        None => migration.checksum = wide,
    }
    migration.native.script = name.to_owned();
    migration.native.place = place;
    migration.transaction = folder::transactional(path, &sql, Unsaid::Wrapped);
    Ok(migration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_refinery_reads_them() {
        assert!(matches!(
            naming("V07__add_user.sql"),
            Naming::Migration { version, name: "add_user", place: Place::InOrder } if version == "7"
        ));
        assert!(matches!(
            naming("U2__late.sql"),
            Naming::Migration {
                place: Place::Anywhere,
                ..
            }
        ));
        for bad in ["V1__a.rs", "V1_a.sql", "V1.2__a.sql", "V1__a-b.sql"] {
            assert!(matches!(naming(bad), Naming::Bad(_)), "{bad}");
        }
        for other in ["mod.rs", "Views.sql", "v1__a.sql", "V1__a.txt"] {
            assert!(matches!(naming(other), Naming::Other), "{other}");
        }
    }
}
