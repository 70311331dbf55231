//! `ripcord backup restore` of a MySQL or MariaDB database, which has no switch.

use std::sync::Arc;

use anyhow::{Result, bail};
use ripcord_backup::{BackupId, Source as _, Vault};
use serde_json::json;

use super::backup::{refused, say};
use crate::compose::restored_name;
use crate::exit::Exit;
use crate::progress::BackupProgress;
use crate::wiring::Wiring;

/// Restores beside the live database and verifies; going over to it is the service's configuration.
pub(super) async fn restore(
    wiring: &Wiring,
    vault: &Vault,
    id: &BackupId,
    into: Option<String>,
    dry_run: bool,
    json: bool,
) -> Result<Exit> {
    let source = wiring.live()?;
    let manifest = match vault.manifest(id).await {
        Ok(manifest) => manifest,
        Err(e) => return refused(wiring, json, Some(id), &e),
    };
    let into = into.unwrap_or_else(|| restored_name(&manifest.server.database, id));
    if source.name().ends_with(&format!("/{into}")) {
        bail!("a backup is never restored over the live database {into:?}; restore beside it");
    }
    if dry_run {
        let text = format!("would restore backup {id} into {into:?}");
        let value = json!({"schema": 1, "backup": id, "database": into, "switch": false, "lost_estimate": [], "dry_run": true});
        say(wiring, json, &text, value);
        return Ok(Exit::Ok);
    }
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    let restored = match vault.restore(&source, id, &into, &progress).await {
        Ok(restored) => restored,
        Err(e) => return refused(wiring, json, Some(id), &e),
    };
    let text = format!(
        "backup {id} is restored in {:?}, verified; point the service to this name to go over to it",
        restored.database
    );
    let value =
        json!({"schema": 1, "backup": id, "database": restored.database, "switched": false});
    say(wiring, json, &text, value);
    Ok(Exit::Ok)
}
