use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use ripcord_migration_guard::{
    Error, ErrorKind, Finding, Layout, Lint, LintOptions, Migration, Migrator, Script, Severity,
    Status, Transactional, Unit, Unobserved, Workspace, assess, live, render, revert_plan,
};
use serde_json::{Value, json};

use super::under_lease;
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
        } => {
            let work = up(wiring, release.as_deref(), to.as_deref(), dry_run, json);
            if dry_run {
                work.await
            } else {
                under_lease(wiring, json, work).await
            }
        }

        MigrationCommand::Revert {
            release,
            to,
            dry_run,
        } => {
            let work = down(wiring, release.as_deref(), &to, dry_run, json);
            if dry_run {
                work.await
            } else {
                under_lease(wiring, json, work).await
            }
        }
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
    let mut linted = Linted::default();
    if paths.is_empty() {
        let workspace = workspace(wiring, release).await?;
        linted.folder(migrations.layout, &workspace)?;
    }
    for path in paths {
        if path.is_file() {
            linted.file(path)?;
        } else {
            linted.folder(migrations.layout, &Workspace::new(path))?;
        }
    }
    Ok(linted.show(wiring, json))
}

/// What the linter says about several files, each judged by itself.
#[derive(Debug, Default)]
struct Linted {
    lint: Lint,
    scripts: Vec<Script>,
}

impl Linted {
    fn folder(&mut self, layout: Layout, workspace: &Workspace) -> Result<()> {
        for migration in layout.read(workspace).map_err(|e| told(&e))? {
            self.judged(std::slice::from_ref(&migration))?;
        }
        Ok(())
    }

    /// A chain of migrations, judged as one.
    fn judged(&mut self, chain: &[Migration]) -> Result<()> {
        let judged = assess(chain).map_err(|e| told(&e))?;
        self.add(judged.to_lint());
        for migration in chain {
            self.scripts
                .push(Script::parse(&migration.up, &migration.up_sql).map_err(|e| told(&e))?);
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text =
            String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))?;
        let script = Script::parse(path, &text).map_err(|e| told(&e))?;
        let unit = Unit {
            script: script.clone(),
            transaction: Transactional::Yes,
        };
        let found = ripcord_migration_guard::lint(&[unit], &LintOptions::with_own_runner())
            .map_err(|e| told(&e))?;
        self.add(found);
        self.scripts.push(script);
        Ok(())
    }

    fn add(&mut self, found: Lint) {
        self.lint.findings.extend(found.findings);
        self.lint.statements += found.statements;
        self.lint.analysed += found.analysed;
    }

    fn show(&self, wiring: &Wiring, json: bool) -> Exit {
        if json {
            let findings: Vec<Value> = self.lint.findings.iter().map(finding_json).collect();
            wiring.output.json(json!({
                "schema": 1,
                "findings": findings,
                "statements": {"total": self.lint.statements, "analysed": self.lint.analysed},
            }));
        } else {
            let scripts: Vec<&Script> = self.scripts.iter().collect();
            wiring
                .output
                .result(&render(&self.lint, &scripts, Severity::Warning));
        }
        if self
            .lint
            .worst()
            .is_some_and(|worst| worst >= Severity::Error)
        {
            Exit::Blocked
        } else {
            Exit::Ok
        }
    }
}

fn finding_json(f: &Finding) -> Value {
    json!({
        "rule": f.rule,
        "severity": f.severity.to_string(),
        "file": f.file,
        "line": f.line,
        "column": f.column,
        "message": f.message,
        "why": f.why,
        "help": f.help,
        "table": f.table,
        "rewrite": f.rewrite,
    })
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
        let to = migrator.layout().spelled(to);
        let Some(last) = pending.iter().position(|m| m.version == to) else {
            bail!("version {to} is not pending; `ripcord migration status` shows what is");
        };
        pending.truncate(last + 1);
    }
    if dry_run {
        return preview(wiring, &pending, Way::Up, json).await;
    }
    each(wiring, &workspace, Way::Up, &pending, json).await
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
    let target = (to != "none").then(|| migrator.layout().spelled(to));
    let all = migrator.layout().read(&workspace).map_err(|e| told(&e))?;
    let plan = revert_plan(&workspace, &all, &status, target.as_deref()).map_err(|e| told(&e))?;
    if dry_run {
        return preview(wiring, &plan, Way::Down, json).await;
    }
    each(wiring, &workspace, Way::Down, &plan, json).await
}

/// Runs them one by one and says exactly what was done, also when one fails.
async fn each(
    wiring: &Wiring,
    workspace: &Workspace,
    which: Way,
    migrations: &[Migration],
    json: bool,
) -> Result<Exit> {
    let migrator = wiring.migrator()?;
    let (doing, done) = match which {
        Way::Up => ("applying", "applied"),
        Way::Down => ("reverting", "reverted"),
    };
    let mut versions: Vec<String> = Vec::new();
    for m in migrations {
        wiring
            .output
            .line(&format!("{doing} {} {}", m.version, m.name));
        let ran = match which {
            Way::Up => migrator.up(workspace, &m.version, &Unobserved).await,
            Way::Down => migrator.down(workspace, &m.version, &Unobserved).await,
        };
        if let Err(e) = ran {
            return finish(wiring, done, &versions, Some(&e), json);
        }
        versions.push(m.version.clone());
    }
    finish(wiring, done, &versions, None, json)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

async fn preview(
    wiring: &Wiring,
    migrations: &[Migration],
    which: Way,
    json: bool,
) -> Result<Exit> {
    let sql = |m: &Migration| match which {
        Way::Up => m.up_sql.clone(),
        Way::Down => m.down_sql.clone().unwrap_or_default(),
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
    if which == Way::Up {
        let mut judged = assess(migrations).map_err(|e| told(&e))?;
        if let Some(database) = &wiring.config.database {
            live::annotate(&database.conninfo, &mut judged)
                .await
                .map_err(|e| told(&e))?;
        }
        let mut linted = Linted::default();
        linted.add(judged.to_lint());
        for m in migrations {
            linted
                .scripts
                .push(Script::parse(&m.up, &m.up_sql).map_err(|e| told(&e))?);
        }
        linted.show(wiring, false);
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
