use std::sync::Arc;

use anyhow::{Result, bail};
use ripcord_migration_guard::{Error, ErrorKind, Migration, ProblemKind, live};
use ripcord_rollback::journal::ByHand;
use serde_json::{Value, json};

use super::lint::Linted;
use super::{opened, told};
use crate::cli::LintFormat;
use crate::compose::Journaled;
use crate::exit::Exit;
use crate::wiring::{ReleaseMigrator, Wiring, assess_for};

/// What a release would apply.
#[derive(Debug)]
pub(super) struct Pending {
    opened: ReleaseMigrator,
    migrations: Vec<Migration>,
    /// Nothing is pending, and what is applied has another file by now.
    edited: Option<Error>,
}

/// What a release would apply, up to and with `to`.
pub(super) async fn pending(
    wiring: &Wiring,
    release: Option<&str>,
    to: Option<&str>,
) -> Result<Pending> {
    let opened = opened(wiring, release).await?;
    let status = opened.status().await.map_err(|e| told(&e))?;
    let mut pending = status.pending;
    // An edit of what is applied would never run, and "nothing to do" would hide that.
    let mut problems = status.problems.iter();
    let edited = problems.find(|p| p.kind == ProblemKind::Edited);
    let edited = edited.filter(|_| pending.is_empty()).map(|problem| {
        Error::new(ErrorKind::Edited, "go on past version", &problem.version)
            .because(problem.explanation.clone())
            .with_help(
                "put the file back as it was applied, and write the change as a new migration",
            )
    });
    if let Some(to) = to {
        let to = opened.spelled(to);
        let Some(last) = pending.iter().position(|m| m.version == to) else {
            bail!("version {to} is not pending; `ripcord migration status` shows what is");
        };
        pending.truncate(last + 1);
    }
    Ok(Pending {
        opened: opened.held_to(&pending),
        migrations: pending,
        edited,
    })
}

/// What has to come down, newest first, so that `to` is the newest version left.
pub(super) async fn down_to(
    wiring: &Wiring,
    release: Option<&str>,
    to: &str,
) -> Result<(ReleaseMigrator, Vec<Migration>)> {
    let opened = opened(wiring, release).await?;
    let status = opened.status().await.map_err(|e| told(&e))?;
    let target = (to != "none").then(|| opened.spelled(to));
    let plan = opened.revert_plan(&status, target.as_deref()).await;
    let plan = plan.map_err(|e| told(&e))?;
    Ok((opened, plan))
}

/// Applies them one by one and says exactly what was done, also when one fails.
pub(super) async fn up(
    wiring: &Wiring,
    plan: &Pending,
    by_hand: ByHand,
    json: bool,
) -> Result<Exit> {
    let opened = &plan.opened;
    let observer = Journaled::new(by_hand.run(), Arc::clone(&wiring.output));
    let mut versions: Vec<String> = Vec::new();
    for m in &plan.migrations {
        let line = format!("applying {} {}", m.version, m.name);
        wiring.output.line(&line);
        let ran = opened.migrator();
        match ran.up(opened.workspace(), &m.version, &observer).await {
            Ok(outcome) => observer.tell(&m.version, &outcome),
            Err(e) => return finish(wiring, "applied", &versions, Some(&e), json),
        }
        versions.push(m.version.clone());
    }
    finish(wiring, "applied", &versions, plan.edited.as_ref(), json)
}

/// Takes them back one by one and says exactly what was done, also when one fails.
pub(super) async fn down(
    wiring: &Wiring,
    opened: &ReleaseMigrator,
    migrations: &[Migration],
    by_hand: ByHand,
    json: bool,
) -> Result<Exit> {
    let observer = Journaled::new(by_hand.run(), Arc::clone(&wiring.output));
    let mut versions: Vec<String> = Vec::new();
    for m in migrations {
        let line = format!("reverting {} {}", m.version, m.name);
        wiring.output.line(&line);
        let ran = opened.migrator();
        match ran.down(opened.workspace(), &m.version, &observer).await {
            Ok(outcome) => observer.tell(&m.version, &outcome),
            Err(e) => return finish(wiring, "reverted", &versions, Some(&e), json),
        }
        versions.push(m.version.clone());
        by_hand.taken_back(&m.version).await?;
    }
    finish(wiring, "reverted", &versions, None, json)
}

fn document(migrations: &[Migration], sql: fn(&Migration) -> Option<&str>) -> Value {
    let all: Vec<Value> = migrations
        .iter()
        .map(|m| json!({"id": m.version, "name": m.name, "sql": sql(m).unwrap_or_default()}))
        .collect();
    json!({"schema": 1, "dry_run": true, "migrations": all})
}

fn show(wiring: &Wiring, migrations: &[Migration], sql: fn(&Migration) -> Option<&str>) {
    if migrations.is_empty() {
        wiring.output.result("nothing to do");
    }
    for m in migrations {
        let sql = sql(m).unwrap_or_default().trim_end();
        let text = format!("-- {} {}\n{sql}", m.version, m.name);
        wiring.output.result(&text);
    }
}

pub(super) fn preview_down(wiring: &Wiring, migrations: &[Migration], json: bool) -> Exit {
    let sql: fn(&Migration) -> Option<&str> = |m| m.down_sql.as_deref();
    if json {
        wiring.output.json(document(migrations, sql));
    } else {
        show(wiring, migrations, sql);
    }
    Exit::Ok
}

pub(super) async fn preview_up(wiring: &Wiring, plan: &Pending, json: bool) -> Result<Exit> {
    let migrations = &plan.migrations;
    if plan.edited.is_some() {
        return finish(wiring, "applied", &[], plan.edited.as_ref(), json);
    }
    let sql: fn(&Migration) -> Option<&str> = |m| Some(m.up_sql.as_str());
    if json {
        wiring.output.json(document(migrations, sql));
        return Ok(Exit::Ok);
    }
    show(wiring, migrations, sql);
    if migrations.is_empty() {
        return Ok(Exit::Ok);
    }
    let (config, database) = wiring.migrations()?;
    let mut judged = assess_for(config, migrations).map_err(|e| told(&e))?;
    live::annotate(&database.conninfo, &mut judged)
        .await
        .map_err(|e| told(&e))?;
    let mut linted = Linted::default();
    linted.add(judged.to_lint());
    linted.scripts_of(config, migrations)?;
    linted.apply(wiring, config);
    linted.show(wiring, LintFormat::Text);
    Ok(Exit::Ok)
}

fn finish(
    wiring: &Wiring,
    done: &str,
    versions: &[String],
    failed: Option<&Error>,
    json: bool,
) -> Result<Exit> {
    let error = failed.map(|e| told(e).to_string());
    if json {
        wiring
            .output
            .json(json!({"schema": 1, done: versions, "error": error}));
    } else if versions.is_empty() {
        wiring.output.result(if failed.is_some() {
            "nothing was changed"
        } else {
            "nothing to do"
        });
    } else {
        wiring
            .output
            .result(&format!("{done}: {}", versions.join(", ")));
    }
    let Some(e) = failed else { return Ok(Exit::Ok) };
    wiring.output.error(&error.unwrap_or_default());
    Ok(match e.kind() {
        ErrorKind::Workspace
        | ErrorKind::Syntax
        | ErrorKind::UnknownVersion
        | ErrorKind::Connection => Exit::Usage,
        _ => Exit::Blocked,
    })
}
