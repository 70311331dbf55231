//! One file per command. Each returns how it ended; what it found goes through [`Output`].

mod backup;
mod check;
mod deploy;
mod export;
mod history;
mod migration;
mod mysql;
mod notify;
mod plan;
mod rehearse;
mod restore;
mod retention;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ripcord_conninfo::{Surroundings, System};
use ripcord_rollback::journal::{ByHand, Exclusive, SqliteJournal, exclusively};
use ripcord_rollback::plan::Reason;

use crate::cli::{Cli, Command};
use crate::config::{self, Sources};
use crate::exit::Exit;
use crate::output::{Ci, Mask, Output};
use crate::report::DeploymentReport;
use crate::wiring::{Wiring, owner};

/// How long undelivered messages may keep a finished command waiting.
const DELIVERY_BUDGET: Duration = Duration::from_secs(5);

/// Runs a command from its arguments to its exit code.
pub async fn run(cli: Cli) -> Exit {
    let ci = Ci {
        github: System.var("GITHUB_ACTIONS").is_some_and(|v| v == "true"),
        summary: System.var("GITHUB_STEP_SUMMARY").map(Into::into),
    };
    let wiring = match load(&cli.config, &cli.env, &ci) {
        Ok(wiring) => wiring,
        Err(error) => {
            let output = Output::new(Mask::default(), &ci);
            return failed(&output, &cli.env, cli.json, &error);
        }
    };
    for warning in &wiring.config.warnings {
        wiring.output.warn(warning);
    }
    let json = cli.json;
    let done = match cli.command {
        Command::Check { gate } => check::run(&wiring, gate.as_deref(), json).await,
        Command::Plan {
            release: Some(release),
            rehearse,
            consent,
            ..
        } => match rehearse {
            true => plan::rehearsed(&wiring, &release, &consent, json).await,
            false => plan::run(&wiring, &release, &consent, json).await,
        },
        Command::Plan {
            release: None, to, ..
        } => {
            let wish = deploy::Back {
                to,
                reason: None,
                revert_schema: None,
            };
            plan::rollback(&wiring, &wish, json).await
        }
        Command::Deploy {
            release,
            consent,
            dry_run: true,
            ..
        } => plan::run(&wiring, &release, &consent, json).await,
        Command::Deploy {
            release,
            consent,
            reason,
            hotfix,
            over_declared,
            dry_run: false,
        } => {
            deploy::deploy(
                &wiring,
                deploy::Wish {
                    release,
                    consent,
                    reason,
                    hotfix,
                    over_declared,
                },
                json,
            )
            .await
        }
        Command::Rollback {
            to,
            reason,
            revert_schema,
            dry_run,
        } => {
            let wish = deploy::Back {
                to,
                reason,
                revert_schema,
            };
            if dry_run {
                plan::rollback(&wiring, &wish, json).await
            } else {
                deploy::rollback(&wiring, &wish, json).await
            }
        }
        Command::Resume { dry_run: true } | Command::Abort { dry_run: true } => {
            history::pending(&wiring, json).await
        }
        Command::Resume { dry_run: false } => deploy::resume(&wiring, json).await,
        Command::Abort { dry_run: false } => deploy::abort(&wiring, json).await,
        Command::Status => history::status(&wiring, json).await,
        Command::History { limit } => history::history(&wiring, limit, json).await,
        Command::Migration(command) => migration::run(&wiring, command, json).await,
        Command::Backup(command) => backup::run(&wiring, command, json).await,
        Command::Notify(command) => notify::run(&wiring, command, json).await,
    };
    done.unwrap_or_else(|error| failed(&wiring.output, &wiring.config.environment, json, &error))
}

/// One line on standard error, and with `--json` a document that says the same.
fn failed(output: &Output, environment: &str, json: bool, error: &anyhow::Error) -> Exit {
    let (text, exit) = (told(error.as_ref()), exit_of(error));
    output.error(&text);
    if json {
        let (outcome, code) = match exit {
            Exit::LeaseHeld => ("lease_held", "fenced"),
            Exit::NeedsHuman => ("needs_human", "interrupted"),
            Exit::Blocked => ("blocked", "journal_unwritable"),
            _ => ("usage", "usage"),
        };
        let reason = Reason::new(code, text);
        let report = DeploymentReport::without(environment, outcome, &reason);
        output.json(serde_json::to_value(report).unwrap_or_default());
    }
    exit
}

fn load(file: &Path, environment: &str, ci: &Ci) -> Result<Wiring> {
    let bytes = std::fs::read(file).with_context(|| {
        format!(
            "cannot read {}; write one, or name it with --config",
            file.display()
        )
    })?;
    let text =
        String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", file.display()))?;
    let config = config::load(&Sources {
        file,
        text: &text,
        environment,
        around: &System,
    })?;
    let output = Output::new(Mask::new(&config.secrets), ci);
    Ok(Wiring::new(config, Arc::new(output)))
}

/// An error for people.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<ripcord_rollback::Error>() {
        return error.chain();
    }
    // As a fragment after "failed to", with what can be done about it.
    if let Some(error) = error.downcast_ref::<ripcord_backup::Error>() {
        return match error.help() {
            Some(help) => format!("failed to {}; {help}", error.chain()),
            None => format!("failed to {}", error.chain()),
        };
    }
    crate::report::chain(error)
}

/// Errors happen before anything was touched, except for a lease that was lost and a journal that broke.
fn exit_of(error: &anyhow::Error) -> Exit {
    use ripcord_rollback::ErrorKind as K;
    match error
        .downcast_ref::<ripcord_rollback::Error>()
        .map(ripcord_rollback::Error::kind)
    {
        Some(K::Fenced) => Exit::LeaseHeld,
        Some(K::State | K::Command | K::Interrupted) => Exit::NeedsHuman,
        // A journal that cannot be written stops a run before it is armed; later it never does.
        Some(K::Journal) => Exit::Blocked,
        _ => Exit::Usage,
    }
}

/// The journal, made if it is missing: for commands that change something.
fn journal(wiring: &Wiring) -> Result<SqliteJournal> {
    Ok(SqliteJournal::open(&wiring.config.journal)?)
}

/// Runs a change by hand under the lease, so that it never meets a deployment.
async fn under_lease(
    wiring: &Wiring,
    json: bool,
    work: impl AsyncFnOnce(ByHand) -> Result<Exit>,
) -> Result<Exit> {
    let (journal, ttl) = (wiring.guarding_journal()?, wiring.config.deploy.lease_ttl);
    let (report, exit) = match exclusively(journal, &owner(), ttl, work).await? {
        Exclusive::Done(done) => return done,
        Exclusive::Held(holder) => (
            DeploymentReport::lease_held(&wiring.config.environment, &holder),
            Exit::LeaseHeld,
        ),
        Exclusive::Unfinished(deployment) => {
            let text =
                format!("deployment {deployment} was interrupted; finish it with `ripcord resume`");
            let reason = Reason::new("unfinished_deployment", text);
            (
                DeploymentReport::without(&wiring.config.environment, "blocked", &reason),
                Exit::Blocked,
            )
        }
    };
    if json {
        wiring.output.json(serde_json::to_value(&report)?);
    } else {
        wiring.output.result(&crate::report::story_text(&report));
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the program `backup` tells them.
    #[test]
    fn errors_about_backups_name_their_causes_and_what_helps() {
        let cause = std::io::Error::other("connection refused");
        let kind = ripcord_backup::ErrorKind::StoreUnreachable;
        let error = ripcord_backup::Error::new("list", "s3://shop", kind, "").with_source(cause);
        let error = anyhow::Error::from(error);
        assert_eq!(
            told(error.as_ref()),
            "failed to list s3://shop: connection refused"
        );
        let kind = ripcord_backup::ErrorKind::NoSpace;
        let error = ripcord_backup::Error::new("back up", "shop", kind, "").with_help("make room");
        let error = anyhow::Error::from(error);
        assert_eq!(told(error.as_ref()), "failed to back up shop; make room");
    }
}
