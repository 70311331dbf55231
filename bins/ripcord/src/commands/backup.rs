use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ripcord_backup::shown::Bytes;
use ripcord_backup::sources::{Extract, OnConflict, PutBackMode};
use ripcord_backup::{
    BackupId, CreateOptions, Entry, Freshness, GateAnswer, Level, Source, State, Vault,
};
use serde_json::{Value, json};

use super::restore::{self, Restore, Then};
use super::{export, mysql, retention, under_lease};
use crate::cli::BackupCommand;
use crate::config::BackupConfig;
use crate::exit::Exit;
use crate::progress::BackupProgress;
use crate::report::{chain, refusal};
use crate::wiring::Wiring;

pub(super) async fn run(wiring: &Wiring, command: BackupCommand, json: bool) -> Result<Exit> {
    let config = wiring
        .config
        .backup
        .clone()
        .context("this needs [backup] in the configuration")?;
    let vault = wiring.vault()?;
    match command {
        BackupCommand::Create { level, dry_run } => {
            create(wiring, &vault, &config, level.as_deref(), dry_run, json).await
        }
        BackupCommand::List => list(wiring, &vault, json).await,
        BackupCommand::Verify { id, level } => {
            verify(wiring, &vault, &config, &id, level.as_deref(), json).await
        }
        BackupCommand::Restore {
            id,
            into,
            switch,
            in_place,
            dry_run,
            ..
        } if wiring.config.mysql.is_some() => {
            if switch || in_place {
                bail!(
                    "--switch and --in-place are for PostgreSQL only; restore without, and point the service to the new name"
                );
            }
            mysql::restore(wiring, &vault, &parse(&id)?, into, dry_run, json).await
        }
        BackupCommand::Restore {
            id,
            into,
            switch,
            in_place,
            keep_schema,
            allow_restore,
            dry_run,
        } => {
            let then = match (switch, in_place) {
                (true, _) => Then::Switch,
                (_, true) => Then::Replace,
                _ => Then::Stay,
            };
            let wish = Restore {
                id: parse(&id)?,
                into,
                then,
                keep: keep_schema,
                reason: allow_restore,
                dry_run,
            };
            let takes_over = wish.takes_over();
            let work = restore::run(wiring, &vault, wish, json);
            if takes_over {
                under_lease(wiring, json, async |_| work.await).await
            } else {
                work.await
            }
        }
        BackupCommand::Gate { max_age, min_level } => {
            gate(wiring, &vault, &config, max_age, min_level.as_deref(), json).await
        }
        BackupCommand::Export {
            table,
            columns,
            filter,
        } => {
            let mut extract = match columns.as_slice() {
                [] => Extract::table(table),
                columns => Extract::columns(table, columns),
            };
            extract.filter = filter;
            export::export(wiring, &vault, extract, json).await
        }
        BackupCommand::PutBack {
            id,
            on_conflict,
            dry_run,
        } => {
            let id = parse(&id)?;
            let policy = match on_conflict.as_str() {
                "keep" => OnConflict::Keep,
                "overwrite" => OnConflict::Overwrite,
                _ => OnConflict::Fail,
            };
            let mode = match dry_run {
                true => PutBackMode::DryRun,
                false => PutBackMode::Write,
            };
            let work = export::put_back(wiring, &vault, &id, policy, mode, json);
            match mode {
                // It writes to the live database, so nobody may deploy meanwhile.
                PutBackMode::Write => under_lease(wiring, json, async |_| work.await).await,
                _ => work.await,
            }
        }
        BackupCommand::Prune { confirm } => {
            retention::prune(wiring, &vault, &config, confirm, json).await
        }
        BackupCommand::Pin { id, reason } => {
            retention::pin(wiring, &vault, &parse(&id)?, Some(&reason), json).await
        }
        BackupCommand::Unpin { id } => {
            retention::pin(wiring, &vault, &parse(&id)?, None, json).await
        }
        BackupCommand::Import {
            file,
            dump_passphrase_env,
        } => retention::import(wiring, &vault, &file, dump_passphrase_env.as_deref(), json).await,
    }
}

fn parse(id: &str) -> Result<BackupId> {
    id.parse()
        .map_err(|e| anyhow::anyhow!("{}; `ripcord backup list` shows the ids", chain(&e)))
}

fn level_of(text: Option<&str>, config: &BackupConfig) -> Result<Level> {
    Ok(match text {
        Some(text) => text.parse::<Level>()?,
        None => config.min_level,
    })
}

async fn create(
    wiring: &Wiring,
    vault: &Vault,
    config: &BackupConfig,
    level: Option<&str>,
    dry_run: bool,
    json: bool,
) -> Result<Exit> {
    let source = wiring.live()?;
    let level = level_of(level, config)?;
    if dry_run {
        let text = format!(
            "would back up {} to {} and verify it at level {level}",
            source.name(),
            config.store
        );
        say(
            wiring,
            json,
            &text,
            json!({"schema": 1, "source": source.name(), "level": level, "dry_run": true}),
        );
        return Ok(Exit::Ok);
    }
    let mut options = CreateOptions::default();
    options.level = level;
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    let manifest = match vault.create(&source, &options, &progress).await {
        Ok(manifest) => manifest,
        Err(e) => return refused(wiring, json, None, &e),
    };
    let text = format!(
        "backup {} of {}: {}; archive {}; proven at level {}",
        manifest.id,
        manifest.source,
        manifest.holds(),
        Bytes(manifest.archive.bytes),
        manifest.verification.level
    );
    let value = json!({
        "schema": 1,
        "backup": manifest.id,
        "level": manifest.verification.level,
        "bytes": manifest.archive.bytes,
        "restore_seconds": manifest.verification.restore_seconds,
        "findings": [],
    });
    say(wiring, json, &text, value);
    Ok(Exit::Ok)
}

/// A database or a store that says no is not a mistake in the command.
pub(super) fn refused(
    wiring: &Wiring,
    json: bool,
    id: Option<&BackupId>,
    error: &ripcord_backup::Error,
) -> Result<Exit> {
    use ripcord_backup::ErrorKind as K;
    let mut text = format!("failed to {}", error.chain());
    if let Some(help) = error.help() {
        let _ = write!(text, "; {help}");
    }
    if error.kind() == K::AlreadyRunning {
        say(
            wiring,
            json,
            &text,
            json!({"schema": 1, "backup": id, "level": Value::Null, "findings": [text]}),
        );
        return Ok(Exit::LeaseHeld);
    }
    let usage = matches!(
        error.kind(),
        K::InvalidInput
            | K::NotFound
            | K::NotAccepting
            | K::Unreachable
            | K::NewerSchema
            | K::ToolMissing
            | K::KeyMissing
    );
    if usage {
        bail!(text);
    }
    say(
        wiring,
        json,
        &text,
        json!({"schema": 1, "backup": id, "level": Value::Null, "findings": [text]}),
    );
    Ok(Exit::Blocked)
}

pub(super) fn say(wiring: &Wiring, json: bool, text: &str, value: Value) {
    if json {
        wiring.output.json(value);
    } else {
        wiring.output.result(text);
    }
}

async fn list(wiring: &Wiring, vault: &Vault, json: bool) -> Result<Exit> {
    let mut entries = vault.list().await?;
    entries.reverse();
    if json {
        let all: Vec<Value> = entries.iter().map(entry_json).collect();
        wiring.output.json(json!({"schema": 1, "backups": all}));
        return Ok(Exit::Ok);
    }
    if entries.is_empty() {
        wiring.output.result("there is no backup");
    }
    for entry in &entries {
        wiring.output.result(&entry_text(entry));
    }
    Ok(Exit::Ok)
}

fn entry_json(entry: &Entry) -> Value {
    match &entry.state {
        State::Good { manifest, level } => json!({
            "backup": entry.id, "state": "good", "level": level, "created": manifest.created,
            "source": manifest.source, "bytes": manifest.archive.bytes, "rows": manifest.fingerprint.rows(),
            "restore_seconds": manifest.verification.restore_seconds, "labels": manifest.labels,
        }),
        State::Failed { reason, .. } => {
            json!({"backup": entry.id, "state": "failed", "reason": reason})
        }
        State::Broken { reason } => {
            json!({"backup": entry.id, "state": "broken", "reason": reason})
        }
        State::Foreign { reason } => {
            json!({"backup": entry.id, "state": "foreign", "reason": reason})
        }
        _ => json!({"backup": entry.id, "state": "unknown"}),
    }
}

fn entry_text(entry: &Entry) -> String {
    match &entry.state {
        State::Good { manifest, level } => format!(
            "{}  {:<9} {:>10}  {}  {}",
            entry.id,
            level.as_str(),
            Bytes(manifest.archive.bytes).to_string(),
            manifest.holds(),
            manifest.source
        ),
        State::Failed { reason, .. } => format!("{}  FAILED verification: {reason}", entry.id),
        State::Broken { reason } => format!("{}  BROKEN: {reason}", entry.id),
        State::Foreign { reason } => format!("{}  foreign: {reason}", entry.id),
        _ => format!("{}  unknown", entry.id),
    }
}

async fn verify(
    wiring: &Wiring,
    vault: &Vault,
    config: &BackupConfig,
    id: &str,
    level: Option<&str>,
    json: bool,
) -> Result<Exit> {
    let id = parse(id)?;
    let level = level_of(level, config)?;
    let source = wiring.live()?;
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    match vault.verify(&source, &id, level, &progress).await {
        Ok(proven) => {
            let mut text = format!("backup {id}: proven at level {}", proven.level);
            if let Some(reason) = &proven.limited {
                let _ = write!(text, "\nnote: no more than {}: {reason}", proven.level);
            }
            say(
                wiring,
                json,
                &text,
                json!({"schema": 1, "backup": id, "level": proven.level, "findings": []}),
            );
            Ok(Exit::Ok)
        }
        Err(e) => refused(wiring, json, Some(&id), &e),
    }
}

async fn gate(
    wiring: &Wiring,
    vault: &Vault,
    config: &BackupConfig,
    max_age: Option<Duration>,
    min_level: Option<&str>,
    json: bool,
) -> Result<Exit> {
    let mut wanted = Freshness::new(
        max_age.unwrap_or(config.max_age),
        level_of(min_level, config)?,
    );
    if wiring.config.database.is_some() || wiring.config.mysql.is_some() {
        wanted.source = Some(wiring.live()?.name().to_owned());
    }
    let answer = vault.gate(&wanted).await;
    let text = match &answer {
        // With what to do about it.
        GateAnswer::None => format!("no: {}", refusal(&answer).text),
        answer => answer.to_string(),
    };
    let mut value = serde_json::to_value(&answer)?;
    if let Some(map) = value.as_object_mut() {
        map.insert("schema".into(), 1.into());
    }
    say(wiring, json, &text, value);
    Ok(if answer.allows() {
        Exit::Ok
    } else {
        Exit::Blocked
    })
}
