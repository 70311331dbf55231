//! Rails' table and numbers, with the migrations in SQL:
//! <https://guides.rubyonrails.org/active_record_migrations.html>

use crate::layouts::folder::{Unsaid, plain_number, spaced};
use crate::layouts::pairs::{self, Named, Naming, direction};
use crate::{Error, Layout, Migration, Workspace};

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let shape = "<14 digits>_<name>.sql, or <14 digits>_<name>.up.sql and .down.sql";
    pairs::read(workspace, Layout::Rails, naming, Unsaid::FirstLine, shape)
}

fn naming(file: &str) -> Naming {
    let version = file.split('_').next().unwrap_or_default();
    let numbered = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    if file.ends_with(".rb") && numbered {
        return Naming::Bad("it is Ruby, and only Rails can run that");
    }
    let Some((part, stem)) = direction(file) else {
        return Naming::Other;
    };
    let Some((_, name)) = stem.split_once('_').filter(|_| numbered) else {
        return if stem == file.trim_end_matches(".sql") {
            // structure.sql, seeds.sql and the like.
            Naming::Other
        } else {
            Naming::Bad("its name does not begin with a number and _")
        };
    };
    match plain_number(version, i64::MAX) {
        Some(version) if version != "0" => Naming::Migration(Named {
            version,
            name: spaced(name),
            part,
        }),
        _ => Naming::Bad("its version is not a positive number of 63 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ruby_is_refused_and_other_sql_is_left_alone() {
        assert!(matches!(
            naming("20240102030405_add_user.sql"),
            Naming::Migration(n) if n.version == "20240102030405" && n.name == "add user"
        ));
        assert!(matches!(naming("20240102030405_a.rb"), Naming::Bad(_)));
        assert!(matches!(naming("a.up.sql"), Naming::Bad(_)));
        assert!(matches!(naming("structure.sql"), Naming::Other));
        assert!(matches!(naming("helper.rb"), Naming::Other));
    }
}
