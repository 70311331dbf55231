use std::io::Write;

use anyhow::Context;
use async_trait::async_trait;
use ripcord_conninfo::{Conninfo, System};
use ripcord_migration_guard::{
    Error, Layout, Migration, Migrator, Outcome, PostgresMigrator, RunOptions, Status, Step,
    StepObserver, Workspace, revert_plan,
};

use crate::cli::{DatabaseArgs, RevertArgs, RunArgs};
use crate::exit::Done;

pub(crate) async fn status(args: &DatabaseArgs) -> anyhow::Result<Done> {
    let (migrator, workspace) = open(args)?;
    let status = migrator.status(&workspace).await?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let document = serde_json::json!({
            "schema": 1,
            "pending": versions(&status.pending),
            "applied": status.applied.iter().map(|a| &a.version).collect::<Vec<_>>(),
            "problems": status.problems,
        });
        writeln!(out, "{document}")?;
        return Ok(Done::Ok);
    }
    for applied in &status.applied {
        writeln!(
            out,
            "applied  {}  {}",
            applied.version,
            applied.name.as_deref().unwrap_or("")
        )?;
    }
    for migration in &status.pending {
        writeln!(out, "pending  {}  {}", migration.version, migration.name)?;
    }
    for problem in &status.problems {
        writeln!(out, "problem  {}", problem.explanation)?;
    }
    Ok(Done::Ok)
}

pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<Done> {
    let (migrator, workspace) = open(&args.database)?;
    let status = migrator.status(&workspace).await?;
    let to = args.to.as_ref().map(|to| migrator.layout().spelled(to));
    let pending = up_to(&status, to.as_deref())?;
    if args.dry_run {
        return show(&pending, |m| Some(m.up_sql.as_str()));
    }
    let mut done = Vec::new();
    let mut failed = None;
    for migration in &pending {
        match migrator.up(&workspace, &migration.version, &Progress).await {
            Ok(outcome) => done.push((migration.version.clone(), outcome)),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    report("applied", &done, args.database.json)?;
    failed.map_or(Ok(Done::Ok), |error| Err(error.into()))
}

pub(crate) async fn revert(args: &RevertArgs) -> anyhow::Result<Done> {
    let (migrator, workspace) = open(&args.database)?;
    let status = migrator.status(&workspace).await?;
    let layout = migrator.layout();
    let all = layout.read(&workspace)?;
    let target = (args.to != "nothing").then(|| layout.spelled(&args.to));
    let plan = revert_plan(&workspace, &all, &status, target.as_deref())?;
    if args.dry_run {
        return show(&plan, |m| m.down_sql.as_deref());
    }
    let mut done = Vec::new();
    let mut failed = None;
    for migration in &plan {
        match migrator
            .down(&workspace, &migration.version, &Progress)
            .await
        {
            Ok(outcome) => done.push((migration.version.clone(), outcome)),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    report("reverted", &done, args.database.json)?;
    failed.map_or(Ok(Done::Ok), |error| Err(error.into()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a binary is told by the environment"
)]
fn open(args: &DatabaseArgs) -> anyhow::Result<(PostgresMigrator, Workspace)> {
    let url = std::env::var(&args.url_env)
        .ok()
        .with_context(|| format!("read the connection string from ${}", args.url_env))?;
    let conninfo = Conninfo::parse(&url, &System).map_err(|error| {
        let help = error.help().map(|h| format!(" ({h})")).unwrap_or_default();
        anyhow::anyhow!("{error}{help}")
    })?;
    let migrator = PostgresMigrator::new(conninfo, layout(args)?, RunOptions::default());
    Ok((migrator, Workspace::new(&args.path)))
}

/// The layout that was named, or that the folder shows without a doubt, or sqlx. Which one was
/// taken is told, unless it was named.
fn layout(args: &DatabaseArgs) -> anyhow::Result<Layout> {
    if let Some(layout) = args.layout {
        return Ok(layout);
    }
    let found = Layout::detect(&args.path)?;
    let (layout, why) = match &found[..] {
        [(layout, why)] => (*layout, why.clone()),
        [] => (Layout::Sqlx, "the folder has no migrations".to_owned()),
        several => {
            let names: Vec<&str> = several.iter().map(|(l, _)| l.as_str()).collect();
            let why = format!("it could be {}; name one with --layout", names.join(" or "));
            (Layout::Sqlx, why)
        }
    };
    let mut stderr = std::io::stderr().lock();
    // A courtesy: a closed stderr stops nothing.
    let _ = writeln!(stderr, "layout {layout}: {why}");
    Ok(layout)
}

/// The pending migrations up to and with `to`.
fn up_to(status: &Status, to: Option<&str>) -> anyhow::Result<Vec<Migration>> {
    let Some(to) = to else {
        return Ok(status.pending.clone());
    };
    if status.is_applied(to) {
        return Ok(Vec::new());
    }
    let at = status.pending.iter().position(|m| m.version == to);
    let at = at.with_context(|| format!("find version {to} among the pending ones"))?;
    Ok(status.pending[..=at].to_vec())
}

fn versions(migrations: &[Migration]) -> Vec<&str> {
    migrations.iter().map(|m| m.version.as_str()).collect()
}

fn show(plan: &[Migration], sql: fn(&Migration) -> Option<&str>) -> anyhow::Result<Done> {
    let mut out = std::io::stdout().lock();
    for migration in plan {
        writeln!(out, "-- {} {}", migration.version, migration.name)?;
        writeln!(out, "{}", sql(migration).unwrap_or_default().trim_end())?;
    }
    Ok(Done::Ok)
}

fn report(word: &str, done: &[(String, Outcome)], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let versions: Vec<&String> = done.iter().map(|(version, _)| version).collect();
        let document = serde_json::json!({ "schema": 1, word: versions });
        writeln!(out, "{document}")?;
        return Ok(());
    }
    for (version, outcome) in done {
        match outcome {
            Outcome::Already => writeln!(out, "{word}  {version}  (was so before)")?,
            Outcome::Applied { seconds } => writeln!(out, "{word}  {version}  in {seconds:.2} s")?,
        }
    }
    if done.is_empty() {
        writeln!(out, "nothing to do")?;
    }
    Ok(())
}

/// One line on stderr before each statement.
#[derive(Debug)]
struct Progress;

#[async_trait]
impl StepObserver for Progress {
    async fn before(&self, step: &Step) -> Result<(), Error> {
        let mut stderr = std::io::stderr().lock();
        // Progress is a courtesy: a closed stderr stops nothing.
        let _ = writeln!(
            stderr,
            "{} {}/{}: {}",
            step.version,
            step.index + 1,
            step.total,
            step.summary
        );
        Ok(())
    }

    async fn after(&self, _: &Step) -> Result<(), Error> {
        Ok(())
    }
}
