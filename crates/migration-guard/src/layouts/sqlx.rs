//! sqlx: <https://docs.rs/sqlx/latest/sqlx/macro.migrate.html>

use crate::layouts::folder::{Unsaid, plain_number, spaced};
use crate::layouts::pairs::{self, Named, Naming, direction};
use crate::{Error, Layout, Migration, Workspace};

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let shape = "<version>_<name>.sql, or <version>_<name>.up.sql and .down.sql, the version a positive number";
    pairs::read(workspace, Layout::Sqlx, naming, Unsaid::FirstLine, shape)
}

/// As sqlx does it: split at the first `_`; what has none or does not end in `.sql` is ignored.
fn naming(file: &str) -> Naming {
    let lower = file.to_ascii_lowercase();
    let meant = lower.ends_with(".up.sql") || lower.ends_with(".down.sql");
    let Some((version, rest)) = file.split_once('_') else {
        return if meant {
            Naming::Bad("its name is not <version>_<name>, so sqlx would ignore it")
        } else {
            Naming::Other
        };
    };
    let Some((part, stem)) = direction(rest) else {
        return if lower.ends_with(".sql") {
            Naming::Bad("sqlx ignores what does not end in .sql, in small letters")
        } else {
            Naming::Other
        };
    };
    match plain_number(version, i64::MAX) {
        Some(version) if version != "0" => Naming::Migration(Named {
            version,
            name: spaced(stem),
            part,
        }),
        _ => Naming::Bad("its name does not begin with a positive number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::pairs::Part;

    #[test]
    fn names_are_read_as_sqlx_reads_them() {
        assert!(matches!(
            naming("0007_add_user.up.sql"),
            Naming::Migration(Named { ref version, ref name, part: Part::Up })
                if version == "7" && name == "add user"
        ));
        assert!(matches!(naming("7_a.down.sql"), Naming::Migration(n) if n.part == Part::Down));
        assert!(matches!(naming("7_a.sql"), Naming::Migration(n) if n.part == Part::Up));
        assert!(matches!(naming("README.md"), Naming::Other));
        assert!(matches!(naming("seed.sql"), Naming::Other));
        assert!(matches!(naming("x.up.sql"), Naming::Bad(_)));
        assert!(matches!(naming("2_z.up.SQL"), Naming::Bad(_)));
        assert!(matches!(naming("x_a.sql"), Naming::Bad(_)));
    }
}
