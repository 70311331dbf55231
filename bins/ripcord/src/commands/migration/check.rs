//! What should have been committed with a change and was not, and what no longer fits the database.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ripcord_migration_guard::frameworks::{Framework, MissingKind};
use ripcord_migration_guard::{Error, ErrorKind, Layout, ProblemKind, Script, Workspace};
use serde_json::json;

use super::{folder, told};
use crate::config::MigrationTool;
use crate::exit::Exit;
use crate::wiring::{Wiring, missing};

/// What was looked at.
#[derive(Debug, Default)]
struct Checked {
    found: Vec<Found>,
    /// What could not be found out, each in one sentence.
    unknown: Vec<String>,
}

/// One thing that is not as it should be.
#[derive(Debug)]
struct Found {
    kind: String,
    subject: String,
    explanation: String,
    help: Option<String>,
}

pub(super) async fn check(
    wiring: &Wiring,
    path: Option<PathBuf>,
    release: Option<&str>,
    json: bool,
) -> Result<Exit> {
    let mut checked = Checked::default();
    // A checkout has nothing to do with the database; a release has.
    let in_database = path.is_none();
    let folder = match path {
        Some(path) => path,
        None => folder(wiring, release).await?,
    };
    // A folder that is not there is a mistake in the call, not in the change.
    std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let (migrations, database) = wiring.migrations()?;
    let opened = wiring.migrations_in(folder).await?;
    let layout = opened.layout();
    if let Some(layout) = layout {
        checked.files(layout, opened.workspace())?;
    }
    let mut waits = false;
    if in_database && checked.found.is_empty() {
        let status = opened.status().await.map_err(|e| told(&e))?;
        waits = !status.pending.is_empty();
        checked.state(&status.problems);
    }
    if let MigrationTool::Framework(config) = &migrations.tool {
        let asked = config.framework == Framework::Alembic;
        if asked && waits && !checked.found.iter().any(|f| f.kind == "conflict") {
            checked.unknown.push(
                "whether models changed without a migration: Alembic compares them with a database at its head, and migrations are pending".to_owned(),
            );
        } else {
            let found = missing(&database.conninfo, config, opened.workspace()).await;
            checked.models(found.map_err(|e| told(&e))?);
        }
    }
    Ok(checked.show(wiring, json))
}

impl Checked {
    /// Names, duplicates, and files that are not SQL; the applied ones too, for their ways back.
    fn files(&mut self, layout: Layout, workspace: &Workspace) -> Result<()> {
        let all = match layout.read(workspace) {
            Ok(all) => all,
            Err(e) if e.kind() == ErrorKind::Workspace => {
                self.file(&e);
                return Ok(());
            }
            Err(e) => return Err(told(&e)),
        };
        for migration in &all {
            let down = migration.down.as_ref().zip(migration.down_sql.as_ref());
            for (path, sql) in std::iter::once((&migration.up, &migration.up_sql)).chain(down) {
                if let Err(e) = Script::parse(path, sql) {
                    self.file(&e);
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, error: &Error) {
        self.found.push(Found {
            kind: "file".to_owned(),
            subject: error.subject().to_owned(),
            explanation: error.to_string(),
            help: error.help().map(str::to_owned),
        });
    }

    fn state(&mut self, problems: &[ripcord_migration_guard::Problem]) {
        for problem in problems {
            let kind = serde_json::to_value(problem.kind).unwrap_or_default();
            let help = match problem.kind {
                ProblemKind::Edited => Some(
                    "put the file back as it was applied, and write the change as a new migration",
                ),
                ProblemKind::OutOfOrder => {
                    Some("give it a later version than the newest one that is applied")
                }
                _ => None,
            };
            self.found.push(Found {
                kind: kind.as_str().unwrap_or("problem").to_owned(),
                subject: problem.version.clone(),
                explanation: problem.explanation.clone(),
                help: help.map(str::to_owned),
            });
        }
    }

    fn models(&mut self, missing: Vec<ripcord_migration_guard::frameworks::Missing>) {
        let merges = missing.iter().any(|m| m.kind == MissingKind::Merge);
        if merges {
            // The same, without the command that mends it.
            self.found.retain(|f| f.kind != "conflict");
        }
        self.found.extend(missing.into_iter().map(|m| Found {
            kind: match m.kind {
                MissingKind::Merge => "merge".to_owned(),
                _ => "migration".to_owned(),
            },
            subject: m.subject,
            explanation: m.explanation,
            help: Some(m.remedy),
        }));
    }

    fn show(&self, wiring: &Wiring, json: bool) -> Exit {
        let exit = match (self.found.is_empty(), self.unknown.is_empty()) {
            (false, _) => Exit::Blocked,
            (true, false) => Exit::Inconclusive,
            (true, true) => Exit::Ok,
        };
        if json {
            let found = self.found.iter().map(|f| {
                json!({"kind": f.kind, "subject": f.subject, "explanation": f.explanation, "help": f.help})
            });
            wiring.output.json(json!({
                "schema": 1,
                "found": found.collect::<Vec<_>>(),
                "unknown": self.unknown,
            }));
            return exit;
        }
        let mut text = String::new();
        for it in &self.found {
            let _ = writeln!(text, "{}: {}", it.kind, it.explanation);
            if let Some(help) = &it.help {
                let _ = writeln!(text, "  help: {help}");
            }
        }
        for it in &self.unknown {
            let _ = writeln!(text, "not known: {it}");
        }
        if exit == Exit::Ok {
            text.push_str("nothing is missing");
        }
        wiring.output.result(&text);
        exit
    }
}
