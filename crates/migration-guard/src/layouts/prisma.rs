//! Prisma: <https://www.prisma.io/docs/orm/prisma-migrate>

use std::path::Path;

use crate::layouts::checksum::sha256;
use crate::layouts::folder::{self, Found, Unsaid, bad, name_of, spaced};
use crate::layouts::pairs;
use crate::{Error, Layout, Migration, Workspace};

/// One folder for each migration. Prisma has no way back of its own; the `down.sql` that its
/// guide has people write beside `migration.sql` is one.
pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let mut found = Found::new(Layout::Prisma);
    for path in folder::folders(workspace.path())? {
        found.add(migration(&path));
    }
    found.finish()
}

fn migration(path: &Path) -> Result<Migration, Error> {
    let folder = name_of(path);
    let up = path.join("migration.sql");
    if folder.is_empty() {
        return Err(bad(path)
            .because("its name is not text")
            .with_help("<14 digits>_<name>/migration.sql"));
    }
    if !up.exists() {
        return Err(bad(path)
            .because("the folder has no migration.sql, and Prisma refuses all migrations for it")
            .with_help("remove the folder, or write its migration.sql"));
    }
    let name = folder.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    let name = if name.is_empty() { folder } else { name };
    let down = path.join("down.sql");
    let down = down.exists().then_some(down);
    let mut migration = pairs::migration(
        folder.to_owned(),
        spaced(name),
        &up,
        down.as_deref(),
        Unsaid::AsSent,
    )?;
    migration.checksum = sha256(&migration.up_sql);
    Ok(migration)
}
