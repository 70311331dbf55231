//! What should have been committed with a change and was not.

use std::io::Write as _;

use anyhow::Context as _;
use ripcord_migration_guard::frameworks::{Framework, MissingKind, check as ask};
use ripcord_migration_guard::{Error, ErrorKind, Layout, Script, Workspace};

use crate::cli::{DatabaseArgs, Tool};
use crate::exit::Done;
use crate::opened::{project, tool};
use crate::output::printable;
use crate::run;

/// One thing that is not as it should be.
struct Found {
    kind: &'static str,
    subject: String,
    explanation: String,
    help: Option<String>,
}

pub(crate) async fn check(args: &DatabaseArgs) -> anyhow::Result<Done> {
    let (tool, folder) = tool(args)?;
    let workspace = Workspace::new(folder);
    let found = match tool {
        Tool::Sql(layout) => files(layout, &workspace)?,
        Tool::Framework(framework) => models(framework, args, &workspace).await?,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let found: Vec<serde_json::Value> = found
            .iter()
            .map(|f| {
                serde_json::json!({"kind": f.kind, "subject": f.subject,
                    "explanation": f.explanation, "help": f.help})
            })
            .collect();
        writeln!(out, "{}", serde_json::json!({"schema": 1, "found": found}))?;
    } else {
        for one in &found {
            writeln!(out, "{}  {}", one.kind, printable(&one.explanation))?;
            if let Some(help) = &one.help {
                writeln!(out, "help  {help}")?;
            }
        }
        if found.is_empty() {
            writeln!(out, "nothing is missing")?;
        }
    }
    Ok(match found.is_empty() {
        true => Done::Ok,
        false => Done::Findings,
    })
}

async fn models(
    framework: Framework,
    args: &DatabaseArgs,
    workspace: &Workspace,
) -> anyhow::Result<Vec<Found>> {
    let project = project(args, workspace.path());
    // Django needs no database for it, so that nothing is asked about a URL either.
    let has_url = project.env.iter().any(|(name, _)| *name == args.url_env);
    let conninfo = match framework {
        Framework::Alembic if has_url => Some(run::conninfo(args)?),
        _ => None,
    };
    let missing = ask(framework, &project, workspace, conninfo.as_ref()).await?;
    let found = missing.into_iter().map(|missing| Found {
        kind: match missing.kind {
            MissingKind::Merge => "merge",
            _ => "migration",
        },
        subject: missing.subject,
        explanation: missing.explanation,
        help: Some(missing.remedy),
    });
    Ok(found.collect())
}

/// Names, duplicates, and files that are not SQL; the applied ones too, for their ways back.
fn files(layout: Layout, workspace: &Workspace) -> anyhow::Result<Vec<Found>> {
    // A folder that is not there is a mistake in the call, not in the change.
    std::fs::read_dir(workspace.path())
        .with_context(|| format!("read {}", workspace.path().display()))?;
    let found = |error: &Error| Found {
        kind: "file",
        subject: error.subject().to_owned(),
        explanation: error.to_string(),
        help: error.help().map(str::to_owned),
    };
    let all = match layout.read(workspace) {
        Ok(all) => all,
        Err(error) if error.kind() == ErrorKind::Workspace => return Ok(vec![found(&error)]),
        Err(error) => return Err(error.into()),
    };
    let mut problems = Vec::new();
    for migration in &all {
        let down = migration.down.as_ref().zip(migration.down_sql.as_ref());
        for (path, sql) in std::iter::once((&migration.up, &migration.up_sql)).chain(down) {
            if let Err(error) = Script::parse(path, sql) {
                problems.push(found(&error));
            }
        }
    }
    Ok(problems)
}
