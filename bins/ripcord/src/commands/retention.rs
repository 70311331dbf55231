//! `ripcord backup prune|pin|unpin|import`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ripcord_backup::retention::LabelRule;
use ripcord_backup::shown::Bytes;
use ripcord_backup::{
    BackupId, Clock as _, ImportOptions, Passphrase, Source as _, SystemClock, Vault,
};
use ripcord_conninfo::{Surroundings as _, System};
use serde_json::{Value, json};

use super::history::deployments_within_reach;
use crate::config::BackupConfig;
use crate::exit::Exit;
use crate::progress::BackupProgress;
use crate::wiring::Wiring;

/// Shows what goes and what stays and why; deletes with `confirm`.
pub(super) async fn prune(
    wiring: &Wiring,
    vault: &Vault,
    config: &BackupConfig,
    confirm: bool,
    json: bool,
) -> Result<Exit> {
    let mut keep = config.keep.clone();
    // Whatever the rules say: a deployment that can still be rolled back needs its own.
    for deployment in deployments_within_reach(wiring).await? {
        keep.keep_labels
            .push(LabelRule::exactly("deployment", deployment));
    }
    let source = wiring.live()?;
    let plan = vault
        .plan_prune(&keep, source.name(), SystemClock.now())
        .await?;
    let report = match confirm {
        true => Some(vault.prune(&plan).await?),
        false => None,
    };
    if json {
        let lines: Vec<Value> = plan
            .lines
            .iter()
            .map(|line| json!({"backup": line.id, "decision": line.decision}))
            .collect();
        let deleted = report.as_ref().map(|report| &report.deleted);
        wiring
            .output
            .json(json!({"schema": 1, "backups": lines, "deleted": deleted}));
    } else {
        let mut text = plan.to_string();
        match &report {
            None if plan.deletions().count() > 0 => {
                let count = plan.deletions().count();
                let _ = writeln!(text, "nothing is deleted yet; --confirm deletes {count}");
            }
            None => {}
            Some(report) => text.push_str(&report.to_string()),
        }
        wiring.output.result(text.trim_end());
    }
    let failed: Vec<String> = report
        .iter()
        .flat_map(|report| &report.failed)
        .map(|(id, error)| format!("backup {id}: failed to {}", error.chain()))
        .collect();
    if !failed.is_empty() {
        // The document does not say which.
        bail!("not all could be deleted: {}", failed.join("; "));
    }
    Ok(Exit::Ok)
}

/// Pins, or unpins without a reason.
pub(super) async fn pin(
    wiring: &Wiring,
    vault: &Vault,
    id: &BackupId,
    reason: Option<&str>,
    json: bool,
) -> Result<Exit> {
    match reason {
        Some(reason) => vault.pin(id, reason).await?,
        None => vault.unpin(id).await?,
    }
    let text = match reason {
        Some(reason) => format!("backup {id} is kept: {reason}"),
        None => format!("backup {id} is left to the rules"),
    };
    super::backup::say(
        wiring,
        json,
        &text,
        json!({"schema": 1, "backup": id, "pinned": reason}),
    );
    Ok(Exit::Ok)
}

/// Takes over a dump from a file.
pub(super) async fn import(
    wiring: &Wiring,
    vault: &Vault,
    file: &Path,
    passphrase_env: Option<&str>,
    json: bool,
) -> Result<Exit> {
    let mut options = ImportOptions::default();
    if let Some(name) = passphrase_env {
        let text = System
            .var(name)
            .filter(|text| !text.is_empty())
            .with_context(|| format!("the environment variable {name} is not set"))?;
        options.passphrase = Some(Passphrase::new(text));
    }
    let open = tokio::fs::File::open(file)
        .await
        .with_context(|| format!("cannot read {}", file.display()))?;
    // As old as the file, not as young as the import.
    let modified = open.metadata().await?.modified()?;
    options.created = Some(modified.try_into().context("the file's time")?);
    let source = wiring.live()?;
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    let manifest = match vault.import(&source, open, &options, &progress).await {
        Ok(manifest) => manifest,
        Err(e) => return super::backup::refused(wiring, json, None, &e),
    };
    let text = format!(
        "backup {} from {}: {}; archive {}; proven at level {}",
        manifest.id,
        file.display(),
        manifest.holds(),
        Bytes(manifest.archive.bytes),
        manifest.verification.level
    );
    let value = json!({
        "schema": 1,
        "backup": manifest.id,
        "level": manifest.verification.level,
        "limited": manifest.verification.limited,
        "bytes": manifest.archive.bytes,
        "findings": [],
    });
    super::backup::say(wiring, json, &text, value);
    Ok(Exit::Ok)
}
