use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ripcord_migration_guard::{
    Assessment, Error, ErrorKind, Migration, Migrator, Script, Severity, Status, Unobserved,
    Workspace, assess, live, render, revert_plan,
};
use serde_json::{Value, json};

use crate::cli::MigrationCommand;
use crate::exit::Exit;
use crate::report::chain;
use crate::wiring::Wiring;

pub(super) async fn run(wiring: &Wiring, command: MigrationCommand, json: bool) -> Result<Exit> {
    match command {
        MigrationCommand::Lint { paths, release } => {
            lint(wiring, &paths, release.as_deref(), json).await
        }
        MigrationCommand::Status { release } => status(wiring, release.as_deref(), json).await,
        MigrationCommand::Run {
            release,
            to,
            dry_run,
        } => up(wiring, release.as_deref(), to.as_deref(), dry_run, json).await,
        MigrationCommand::Revert {
            release,
            to,
            dry_run,
        } => down(wiring, release.as_deref(), &to, dry_run, json).await,
    }
}

/// The migrations folder of a release, or of the current one.
async fn workspace(wiring: &Wiring, release: Option<&str>) -> Result<Workspace> {
    let migrations = wiring
        .config
        .migrations
        .as_ref()
        .context("this needs [migrations] in the configuration")?;
    let backend = wiring.backend()?;
    let release = match release {
        Some(label) => backend.resolve(label).await?,
        None => backend
            .observe()
            .await?
            .desired
            .context("no release is current; name one with --release")?,
    };
    let root = &wiring
        .config
        .release
        .as_ref()
        .context("this needs [release] in the configuration")?
        .root;
    Ok(Workspace::new(
        root.join("releases")
            .join(&release.id)
            .join(&migrations.path),
    ))
}

fn told(e: &Error) -> anyhow::Error {
    match e.help() {
        Some(help) => anyhow::anyhow!("{}; {help}", chain(e)),
        None => anyhow::anyhow!("{}", chain(e)),
    }
}

async fn lint(
    wiring: &Wiring,
    paths: &[PathBuf],
    release: Option<&str>,
    json: bool,
) -> Result<Exit> {
    let migrations = wiring
        .config
        .migrations
        .as_ref()
        .context("this needs [migrations] in the configuration")?;
    let mut all: Vec<Migration> = Vec::new();
    if paths.is_empty() {
        let workspace = workspace(wiring, release).await?;
        all.extend(migrations.layout.read(&workspace).map_err(|e| told(&e))?);
    }
    for path in paths {
        let workspace = Workspace::new(path);
        all.extend(migrations.layout.read(&workspace).map_err(|e| told(&e))?);
    }
    let judged = assess(&all).map_err(|e| told(&e))?;
    Ok(show_lint(wiring, &all, &judged, json))
}

fn show_lint(wiring: &Wiring, all: &[Migration], judged: &Assessment, json: bool) -> Exit {
    let worst = judged.worst();
    if json {
        let findings: Vec<Value> = judged.findings().map(|f| json!({
            "rule": f.rule, "severity": f.severity.to_string(), "file": f.file, "line": f.line, "column": f.column,
            "message": f.message, "why": f.why, "help": f.help, "table": f.table, "rewrite": f.rewrite,
        })).collect();
        wiring.output.json(json!({
            "schema": 1,
            "findings": findings,
            "statements": {"total": judged.statements, "analysed": judged.analysed},
        }));
    } else {
        let scripts: Vec<Script> = all
            .iter()
            .filter_map(|m| Script::parse(&m.up, &m.up_sql).ok())
            .collect();
        let scripts: Vec<&Script> = scripts.iter().collect();
        wiring
            .output
            .result(&render(&judged.to_lint(), &scripts, Severity::Warning));
    }
    if worst.is_some_and(|w| w >= Severity::Error) {
        Exit::Blocked
    } else {
        Exit::Ok
    }
}

async fn status(wiring: &Wiring, release: Option<&str>, json: bool) -> Result<Exit> {
    let workspace = workspace(wiring, release).await?;
    let status = wiring
        .migrator()?
        .status(&workspace)
        .await
        .map_err(|e| told(&e))?;
    if json {
        wiring.output.json(status_json(&status));
    } else {
        let mut text = String::new();
        let _ = writeln!(text, "applied: {}", status.applied.len());
        if let Some(current) = status.current() {
            let _ = writeln!(text, "current: {current}");
        }
        let _ = writeln!(text, "pending: {}", status.pending.len());
        for m in &status.pending {
            let down = if m.down.is_some() { "" } else { " (no down)" };
            let _ = writeln!(text, "  {} {}{down}", m.version, m.name);
        }
        for problem in &status.problems {
            let _ = writeln!(text, "problem: {}", problem.explanation);
        }
        wiring.output.result(&text);
    }
    Ok(if status.problems.is_empty() {
        Exit::Ok
    } else {
        Exit::Blocked
    })
}

fn status_json(status: &Status) -> Value {
    json!({
        "schema": 1,
        "applied": status.applied.iter().map(|a| &a.version).collect::<Vec<_>>(),
        "pending": status.pending.iter().map(|m| json!({"id": m.version, "name": m.name, "has_down": m.down.is_some()})).collect::<Vec<_>>(),
        "problems": status.problems.iter().map(|p| json!({"id": p.version, "kind": p.kind, "text": p.explanation})).collect::<Vec<_>>(),
    })
}

async fn up(
    wiring: &Wiring,
    release: Option<&str>,
    to: Option<&str>,
    dry_run: bool,
    json: bool,
) -> Result<Exit> {
    let workspace = workspace(wiring, release).await?;
    let migrator = wiring.migrator()?;
    let status = migrator.status(&workspace).await.map_err(|e| told(&e))?;
    let mut pending = status.pending;
    if let Some(to) = to {
        let to = plain(to);
        let Some(last) = pending.iter().position(|m| m.version == to) else {
            bail!("version {to} is not pending; `ripcord migration status` shows what is");
        };
        pending.truncate(last + 1);
    }
    if dry_run {
        return preview(wiring, &pending, Preview::Up, json).await;
    }
    let mut applied: Vec<String> = Vec::new();
    let mut failed = None;
    for m in &pending {
        wiring
            .output
            .line(&format!("applying {} {}", m.version, m.name));
        match migrator.up(&workspace, &m.version, &Unobserved).await {
            Ok(_) => applied.push(m.version.clone()),
            Err(e) => {
                failed = Some(e);
                break;
            }
        }
    }
    finish(wiring, "applied", &applied, failed.as_ref(), json)
}

async fn down(
    wiring: &Wiring,
    release: Option<&str>,
    to: &str,
    dry_run: bool,
    json: bool,
) -> Result<Exit> {
    let workspace = workspace(wiring, release).await?;
    let migrator = wiring.migrator()?;
    let status = migrator.status(&workspace).await.map_err(|e| told(&e))?;
    let target = (to != "none").then(|| plain(to));
    let all = migrator.layout().read(&workspace).map_err(|e| told(&e))?;
    let plan = revert_plan(&workspace, &all, &status, target.as_deref()).map_err(|e| told(&e))?;
    if dry_run {
        return preview(wiring, &plan, Preview::Down, json).await;
    }
    let mut reverted: Vec<String> = Vec::new();
    let mut failed = None;
    for m in &plan {
        wiring
            .output
            .line(&format!("reverting {} {}", m.version, m.name));
        match migrator.down(&workspace, &m.version, &Unobserved).await {
            Ok(_) => reverted.push(m.version.clone()),
            Err(e) => {
                failed = Some(e);
                break;
            }
        }
    }
    finish(wiring, "reverted", &reverted, failed.as_ref(), json)
}

/// Versions are compared without leading zeros.
fn plain(version: &str) -> String {
    let short = version.trim_start_matches('0');
    if short.is_empty() {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Preview {
    Up,
    Down,
}

async fn preview(
    wiring: &Wiring,
    migrations: &[Migration],
    which: Preview,
    json: bool,
) -> Result<Exit> {
    let sql = |m: &Migration| match which {
        Preview::Up => m.up_sql.clone(),
        Preview::Down => m.down_sql.clone().unwrap_or_default(),
    };
    if json {
        let all: Vec<Value> = migrations
            .iter()
            .map(|m| json!({"id": m.version, "name": m.name, "sql": sql(m)}))
            .collect();
        wiring
            .output
            .json(json!({"schema": 1, "dry_run": true, "migrations": all}));
        return Ok(Exit::Ok);
    }
    if migrations.is_empty() {
        wiring.output.result("nothing to do");
        return Ok(Exit::Ok);
    }
    for m in migrations {
        wiring.output.result(&format!(
            "-- {} {}\n{}",
            m.version,
            m.name,
            sql(m).trim_end()
        ));
    }
    if which == Preview::Up {
        let mut judged = assess(migrations).map_err(|e| told(&e))?;
        if let Some(database) = &wiring.config.database {
            live::annotate(&database.conninfo, &mut judged)
                .await
                .map_err(|e| told(&e))?;
        }
        show_lint(wiring, migrations, &judged, false);
    }
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
        wiring.output.result("nothing to do");
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
