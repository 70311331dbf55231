//! A folder of `.sql` files that no tool owns: they run in the order of their names.

use crate::layouts::folder::{Unsaid, spaced};
use crate::layouts::pairs::{self, Named, Naming, direction};
use crate::{Error, Layout, Migration, Workspace};

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let shape = "<name>.sql, and <name>.down.sql for the way back";
    pairs::read(workspace, Layout::Plain, naming, Unsaid::FirstLine, shape)
}

fn naming(file: &str) -> Naming {
    let Some((part, stem)) = direction(file) else {
        return if file.to_ascii_lowercase().ends_with(".sql") {
            Naming::Bad("only what ends in .sql, in small letters, is run")
        } else {
            Naming::Other
        };
    };
    if stem.is_empty() || stem.starts_with('.') {
        return Naming::Other;
    }
    let name = stem.trim_start_matches(|c: char| c.is_ascii_digit() || "_-.".contains(c));
    Naming::Migration(Named {
        version: stem.to_owned(),
        name: spaced(if name.is_empty() { stem } else { name }),
        part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::pairs::Part;

    #[test]
    fn the_version_is_the_name_of_the_file() {
        assert!(matches!(
            naming("0001_add_user.sql"),
            Naming::Migration(n) if n.version == "0001_add_user" && n.name == "add user"
        ));
        assert!(matches!(
            naming("0001_a.down.sql"),
            Naming::Migration(n) if n.version == "0001_a" && n.part == Part::Down
        ));
        assert!(matches!(naming("1.SQL"), Naming::Bad(_)));
        assert!(matches!(naming(".hidden.sql"), Naming::Other));
        assert!(matches!(naming("notes.txt"), Naming::Other));
    }
}
