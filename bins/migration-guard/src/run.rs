use std::io::Write;

use anyhow::Context;
use ripcord_conninfo::{Conninfo, System};
use ripcord_migration_guard::{
    Error, ErrorKind, Migration, ProblemKind, Status, Unrecorded, WayBack,
};

use crate::cli::{DatabaseArgs, RevertArgs, RunArgs, StatusArgs};
use crate::exit::Done;
use crate::layout::Doubt;
use crate::limits::SessionArgs;
use crate::opened::Opened;
use crate::output::printable;
use crate::progress::Progress;
use crate::ran::Ran;
use crate::signals::Signals;
use crate::ways_back::{Absent, WaysBack};

pub(crate) async fn status(args: &StatusArgs) -> anyhow::Result<Done> {
    let kept = kept(&args.session, Absent::Wrong)?;
    let opened = Opened::with(&args.database, args.session.options(), Doubt::Tell).await?;
    let opened = opened.keeping(kept);
    let status = opened.migrator().status(opened.workspace()).await?;
    let mut out = std::io::stdout().lock();
    if args.database.json {
        let document = serde_json::json!({
            "schema": 1,
            "pending": versions(&status.pending),
            "applied": status.applied.iter().map(|a| &a.version).collect::<Vec<_>>(),
            "problems": status.problems,
        });
        writeln!(out, "{document}")?;
        return Ok(problems(&status));
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
        let name = printable(&migration.name);
        writeln!(out, "pending  {}  {name}", printable(&migration.version))?;
    }
    for problem in &status.problems {
        writeln!(out, "problem  {}", printable(&problem.explanation))?;
    }
    Ok(problems(&status))
}

fn problems(status: &Status) -> Done {
    match status.problems.is_empty() {
        true => Done::Ok,
        false => Done::Findings,
    }
}

pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<Done> {
    let signals = Signals::listen()?;
    tokio::select! {
        done = apply(args, &signals) => done,
        signal = signals.second() => Ok(Done::Signalled(signal)),
    }
}

async fn apply(args: &RunArgs, signals: &Signals) -> anyhow::Result<Done> {
    let mut options = args.limits.options(&args.session);
    if args.allow_unrecorded {
        options.unrecorded = Unrecorded::Apply;
    }
    let kept = kept(&args.session, Absent::Empty)?;
    let opened = Opened::with(&args.database, options, Doubt::Refuse).await?;
    let opened = opened.keeping(kept);
    let status = opened.migrator().status(opened.workspace()).await?;
    let to = args.to.as_ref().map(|to| opened.spelled(to));
    let pending = up_to(&status, to.as_deref())?;
    if args.dry_run {
        show(&pending, |m| Some(m.up_sql.as_str()))?;
        let mut out = std::io::stdout().lock();
        for remark in opened.remarks(&pending)? {
            writeln!(out, "{remark}")?;
        }
        return Ok(Done::Ok);
    }
    if pending.is_empty() {
        // An edit of what is applied would never run, and "nothing to do" would hide that.
        let mut problems = status.problems.iter();
        if let Some(edited) = problems.find(|p| p.kind == ProblemKind::Edited) {
            return Err(Error::new(ErrorKind::Edited, "go on past version", &edited.version)
                .because(edited.explanation.clone())
                .with_help("put the file back as it was applied, and write the change as a new migration")
                .into());
        }
    }
    let opened = opened.held_to(&pending);
    let (migrator, workspace) = (opened.migrator(), opened.workspace());
    let ways = args.session.ways_back.clone().map(WaysBack::new);
    let progress = Progress::new(signals.clone(), ways);
    let mut ran = Ran::new("applied", args.database.json);
    for migration in &pending {
        let version = &migration.version;
        if signals.came().is_some() {
            break;
        }
        match migrator.up(workspace, version, &progress).await {
            Ok(outcome) => ran.done.push((version.clone(), outcome)),
            Err(error) => {
                ran.failed(migrator, workspace, version, error).await;
                if let (Some(file), true) = (&args.session.ways_back, ran.left_nothing()) {
                    WaysBack::new(file).forget(version)?;
                }
                break;
            }
        }
    }
    ran.report(&progress, signals)
}

pub(crate) async fn revert(args: &RevertArgs) -> anyhow::Result<Done> {
    let signals = Signals::listen()?;
    tokio::select! {
        done = take_back(args, &signals) => done,
        signal = signals.second() => Ok(Done::Signalled(signal)),
    }
}

async fn take_back(args: &RevertArgs, signals: &Signals) -> anyhow::Result<Done> {
    let options = args.limits.options(&args.session);
    let kept = kept(&args.session, Absent::Wrong)?;
    let opened = Opened::with(&args.database, options, Doubt::Refuse).await?;
    let opened = opened.keeping(kept);
    let status = opened.migrator().status(opened.workspace()).await?;
    // The second is what it was called once.
    let nothing = matches!(args.to.as_str(), "none" | "nothing");
    let target = (!nothing).then(|| opened.spelled(&args.to));
    let plan = opened.revert_plan(&status, target.as_deref()).await?;
    if args.dry_run {
        return show(&plan, |m| m.down_sql.as_deref());
    }
    let opened = opened.held_to(&plan);
    let (migrator, workspace) = (opened.migrator(), opened.workspace());
    let progress = Progress::new(signals.clone(), None);
    let mut ran = Ran::new("reverted", args.database.json);
    for migration in &plan {
        let version = &migration.version;
        if signals.came().is_some() {
            break;
        }
        match migrator.down(workspace, version, &progress).await {
            Ok(outcome) => {
                ran.done.push((version.clone(), outcome));
                if let Some(file) = &args.session.ways_back {
                    WaysBack::new(file).forget(version)?;
                }
            }
            Err(error) => {
                ran.failed(migrator, workspace, version, error).await;
                break;
            }
        }
    }
    ran.report(&progress, signals)
}

/// The ways back that were kept.
pub(crate) fn kept(session: &SessionArgs, absent: Absent) -> anyhow::Result<Vec<WayBack>> {
    match &session.ways_back {
        Some(file) => WaysBack::new(file).read(absent),
        None => Ok(Vec::new()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a binary is told by the environment"
)]
pub(crate) fn conninfo(args: &DatabaseArgs) -> anyhow::Result<Conninfo> {
    let url = std::env::var(&args.url_env)
        .ok()
        .with_context(|| format!("read the connection string from ${}", args.url_env))?;
    Conninfo::parse(&url, &System).map_err(|error| {
        let help = error.help().map(|h| format!(" ({h})")).unwrap_or_default();
        anyhow::anyhow!("{error}{help}")
    })
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
        let name = printable(&migration.name);
        writeln!(out, "-- {} {name}", printable(&migration.version))?;
        writeln!(out, "{}", sql(migration).unwrap_or_default().trim_end())?;
    }
    Ok(Done::Ok)
}
