//! `ripcord backup export|put-back`.

use std::sync::Arc;

use anyhow::Result;
use ripcord_backup::shown::Bytes;
use ripcord_backup::sources::{Extract, ExtractSource, OnConflict, PutBackMode, PutBackOptions};
use ripcord_backup::{BackupId, CreateOptions, Vault};
use serde_json::{Value, json};

use super::backup::{refused, say};
use crate::exit::Exit;
use crate::progress::BackupProgress;
use crate::wiring::Wiring;

/// Exports, proves and publishes.
pub(super) async fn export(
    wiring: &Wiring,
    vault: &Vault,
    extract: Extract,
    json: bool,
) -> Result<Exit> {
    let source = ExtractSource::new(wiring.source()?, vec![extract]);
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    let options = CreateOptions::default();
    let manifest = match vault.create(&source, &options, &progress).await {
        Ok(manifest) => manifest,
        Err(e) => return refused(wiring, json, None, &e),
    };
    let text = format!(
        "export {}: {}; archive {}; proven at level {}",
        manifest.id,
        manifest.holds(),
        Bytes(manifest.archive.bytes),
        manifest.verification.level
    );
    let value = json!({
        "schema": 1,
        "backup": manifest.id,
        "level": manifest.verification.level,
        "bytes": manifest.archive.bytes,
        "rows": manifest.fingerprint.rows(),
        "findings": [],
    });
    say(wiring, json, &text, value);
    Ok(Exit::Ok)
}

/// Puts an export back.
pub(super) async fn put_back(
    wiring: &Wiring,
    vault: &Vault,
    id: &BackupId,
    on_conflict: OnConflict,
    mode: PutBackMode,
    json: bool,
) -> Result<Exit> {
    let mut options = PutBackOptions::default();
    options.on_conflict = on_conflict;
    options.mode = mode;
    let source = wiring.source()?;
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    let done = match vault.read(id, &progress).await {
        Ok(mut archive) => source.put_back(&mut archive, &options).await,
        Err(e) => Err(e),
    };
    let done = match done {
        Ok(done) => done,
        Err(e) => return refused(wiring, json, Some(id), &e),
    };
    let mut tables: Vec<Value> = Vec::new();
    for (table, counts) in &done.tables {
        tables.push(json!({
            "table": table, "inserted": counts.inserted, "updated": counts.updated,
            "unchanged": counts.unchanged, "skipped": counts.skipped, "missing": counts.missing,
        }));
    }
    let value = json!({
        "schema": 1, "backup": id, "dry_run": mode == PutBackMode::DryRun, "tables": tables,
        "conflicts": done.conflicts, "notes": done.notes,
    });
    say(wiring, json, done.told(mode).trim_end(), value);
    Ok(Exit::Ok)
}
