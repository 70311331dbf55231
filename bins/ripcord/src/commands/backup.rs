use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ripcord_backup::sources::{Extract, OnConflict, PutBackMode, Switch};
use ripcord_backup::{
    BackupId, CreateOptions, Entry, Freshness, GateAnswer, Level, Source, State, Vault,
};
use serde_json::{Value, json};

use super::{export, retention, under_lease};
use crate::cli::BackupCommand;
use crate::compose::restored_name;
use crate::config::{BackupConfig, show_size};
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
            dry_run,
        } => {
            let wish = Restore {
                id: parse(&id)?,
                into,
                switch,
                dry_run,
            };
            let takes_over = wish.switch && !wish.dry_run;
            let work = restore(wiring, &vault, wish, json);
            if takes_over {
                under_lease(wiring, json, work).await
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
                PutBackMode::Write => under_lease(wiring, json, work).await,
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
    let source = wiring.source()?;
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
        "backup {} of {}: {}, {} rows, verified at level {}",
        manifest.id,
        manifest.source,
        show_size(manifest.archive.bytes),
        manifest.fingerprint.rows(),
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
    let mut text = format!("failed to {}", chain(error));
    if let Some(help) = error.help() {
        let _ = write!(text, "; {help}");
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
        _ => json!({"backup": entry.id, "state": "unknown"}),
    }
}

fn entry_text(entry: &Entry) -> String {
    match &entry.state {
        State::Good { manifest, level } => format!(
            "{}  {:<9} {:>10}  {} rows  {}",
            entry.id,
            level.as_str(),
            show_size(manifest.archive.bytes),
            manifest.fingerprint.rows(),
            manifest.source
        ),
        State::Failed { reason, .. } => format!("{}  FAILED verification: {reason}", entry.id),
        State::Broken { reason } => format!("{}  BROKEN: {reason}", entry.id),
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
    let source = wiring.source()?;
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    match vault.verify(&source, &id, level, &progress).await {
        Ok(proven) => {
            let text = format!("backup {id} is verified at level {}", proven.level);
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

#[derive(Debug)]
struct Restore {
    id: BackupId,
    into: Option<String>,
    switch: bool,
    dry_run: bool,
}

async fn restore(wiring: &Wiring, vault: &Vault, wish: Restore, json: bool) -> Result<Exit> {
    let source = wiring.source()?;
    let live = wiring
        .config
        .database
        .as_ref()
        .context("this needs [database] in the configuration")?
        .conninfo
        .database()
        .to_owned();
    let into = wish
        .into
        .clone()
        .unwrap_or_else(|| restored_name(&live, &wish.id));
    if into == live {
        bail!(
            "a backup is never restored over the live database {live:?}; restore beside it, then --switch"
        );
    }
    let manifest = match vault.manifest(&wish.id).await {
        Ok(manifest) => manifest,
        Err(e) => return refused(wiring, json, Some(&wish.id), &e),
    };
    let written = source.writes_since(&manifest.writes).await.ok().flatten();
    let lost: Vec<String> = written
        .iter()
        .flatten()
        .map(|(table, w)| {
            format!(
                "{table}: {} inserted, {} updated, {} deleted",
                w.inserted, w.updated, w.deleted
            )
        })
        .collect();
    if wish.dry_run {
        let mut text = format!("would restore backup {} into {into:?}", wish.id);
        if wish.switch {
            let _ = write!(
                text,
                ", then put it in the place of {live:?}. Written since the backup (an estimate):"
            );
            for line in &lost {
                let _ = write!(text, "\n  {line}");
            }
        }
        say(
            wiring,
            json,
            &text,
            json!({"schema": 1, "backup": wish.id, "database": into, "switch": wish.switch, "lost_estimate": lost, "dry_run": true}),
        );
        return Ok(Exit::Ok);
    }
    let switch = Switch::new(&into, wish.id.clone());
    if wish.switch && source.switched(&switch).await? {
        // An earlier call was cut off behind the rename: there is nothing left to restore.
        let kept = switch.kept_name(&live);
        let text = format!(
            "{live:?} holds backup {} already; the old database is kept as {kept:?}",
            wish.id
        );
        let value = json!({"schema": 1, "backup": wish.id, "database": live, "switched": true, "kept": kept, "lost_estimate": []});
        say(wiring, json, &text, value);
        return Ok(Exit::Ok);
    }
    let progress = BackupProgress::new(Arc::clone(&wiring.output));
    let restored = match vault.restore(&source, &wish.id, &into, &progress).await {
        Ok(restored) => restored,
        Err(e) => return refused(wiring, json, Some(&wish.id), &e),
    };
    if !wish.switch {
        let text = format!(
            "backup {} is restored in {:?}, verified; the live database is untouched",
            wish.id, restored.database
        );
        say(
            wiring,
            json,
            &text,
            json!({"schema": 1, "backup": wish.id, "database": restored.database, "switched": false}),
        );
        return Ok(Exit::Ok);
    }
    let switched = match source
        .switch(&Switch::new(&restored.database, wish.id.clone()))
        .await
    {
        Ok(switched) => switched,
        Err(e) => return refused(wiring, json, Some(&wish.id), &e),
    };
    let text = format!(
        "{live:?} holds backup {} now; the old database is kept as {:?}",
        wish.id, switched.kept
    );
    say(
        wiring,
        json,
        &text,
        json!({"schema": 1, "backup": wish.id, "database": live, "switched": true, "kept": switched.kept, "lost_estimate": lost}),
    );
    Ok(Exit::Ok)
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
    if wiring.config.database.is_some() {
        wanted.source = Some(wiring.source()?.name().to_owned());
    }
    let answer = vault.gate(&wanted).await;
    let text = match &answer {
        GateAnswer::Ok {
            id,
            level,
            age_seconds,
            restore_seconds,
        } => format!(
            "ok: backup {id}, level {level}, {:.1} h old, restores in {:.1} s",
            age_seconds / 3600.0,
            restore_seconds.unwrap_or_default()
        ),
        other => format!("no: {}", refusal(other).text),
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
