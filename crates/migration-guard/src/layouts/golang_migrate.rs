//! golang-migrate: <https://github.com/golang-migrate/migrate/blob/master/MIGRATIONS.md>

use crate::layouts::folder::{Unsaid, plain_number, spaced};
use crate::layouts::pairs::{self, Named, Naming, Part};
use crate::{Error, Layout, Migration, Workspace};

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let shape = "<version>_<name>.up.sql and .down.sql, the version a positive number";
    let layout = Layout::GolangMigrate;
    pairs::read(workspace, layout, naming, Unsaid::FirstLineOrAsSent, shape)
}

/// `^([0-9]+)_(.*)\.(down|up)\.(.*)$`; anything else is not a migration for this tool. A `.sql`
/// file with a number in front and no direction is a mistake, and would be skipped in silence.
fn naming(file: &str) -> Naming {
    let Some((version, rest)) = file.split_once('_') else {
        return Naming::Other;
    };
    if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit()) {
        return if rest.ends_with(".up.sql") || rest.ends_with(".down.sql") {
            Naming::Bad("its name does not begin with a positive number")
        } else {
            Naming::Other
        };
    }
    let (part, stem) = if let Some(stem) = rest.strip_suffix(".up.sql") {
        (Part::Up, stem)
    } else if let Some(stem) = rest.strip_suffix(".down.sql") {
        (Part::Down, stem)
    } else if rest.ends_with(".sql") {
        return Naming::Bad("its name says neither .up.sql nor .down.sql");
    } else {
        return Naming::Other;
    };
    match plain_number(version, i64::MAX) {
        Some(version) if version != "0" => Naming::Migration(Named {
            version,
            name: spaced(stem),
            part,
        }),
        _ => Naming::Bad("its version is not a positive number of 63 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_a_direction() {
        assert!(matches!(naming("000003_a_b.up.sql"), Naming::Migration(n) if n.version == "3"));
        assert!(matches!(naming("3_a.sql"), Naming::Bad(_)));
        assert!(matches!(naming("a_b.up.sql"), Naming::Bad(_)));
        assert!(matches!(naming("notes_old.sql"), Naming::Other));
    }
}
