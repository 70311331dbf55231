//! diesel: <https://docs.rs/diesel_migrations>

use std::path::Path;

use crate::layouts::folder::{self, Found, Unsaid, bad, name_of, spaced};
use crate::layouts::pairs;
use crate::layouts::settings;
use crate::{Error, Layout, Migration, Transactional, Workspace};

/// One folder for each migration; hidden ones are left out.
pub(super) fn read(workspace: &Workspace) -> Result<Vec<Migration>, Error> {
    let mut found = Found::new(Layout::Diesel);
    for path in folder::folders(workspace.path())? {
        found.add(migration(&path));
    }
    found.finish()
}

fn migration(path: &Path) -> Result<Migration, Error> {
    let folder = name_of(path);
    let up = path.join("up.sql");
    if !up.exists() {
        return Err(bad(path)
            .because("the folder has no up.sql, and diesel refuses all migrations for it")
            .with_help("<version>_<name>/up.sql, and down.sql beside it"));
    }
    let (version, name) = folder.split_once('_').unwrap_or((folder, ""));
    let version = version.replace('-', "");
    if version.is_empty() || version.len() > 50 {
        return Err(bad(path)
            .because("what stands before the first _ is not a version of 1 to 50 signs")
            .with_help("<version>_<name>/up.sql"));
    }
    let down = path.join("down.sql");
    let down = down.exists().then_some(down);
    let mut migration =
        pairs::migration(version, spaced(name), &up, down.as_deref(), Unsaid::Wrapped)?;
    // A file that says yes changes nothing: one that ends transactions itself still does.
    if said(&path.join("metadata.toml"))? == Some(Transactional::No) {
        migration.transaction = Transactional::No;
        migration.down_transaction = Transactional::No;
    }
    Ok(migration)
}

/// A file without the key means no transaction: that is how diesel reads it.
fn said(path: &Path) -> Result<Option<Transactional>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let text = folder::text(path)?;
    let value = settings::value(&text, "run_in_transaction").map_err(|(line, why)| {
        bad(path)
            .at(line, 1)
            .because(why)
            .with_help("run_in_transaction = false")
    })?;
    match value {
        Some((_, "true")) => Ok(Some(Transactional::Yes)),
        Some((_, "false")) | None => Ok(Some(Transactional::No)),
        Some((line, _)) => Err(bad(path)
            .at(line, 1)
            .because("`run_in_transaction` is neither true nor false")
            .with_help("run_in_transaction = false")),
    }
}
