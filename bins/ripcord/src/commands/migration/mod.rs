//! Migrations by hand.

mod analyse;
mod check;
mod lint;
mod run;
mod status;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ripcord_migration_guard::Error;

use super::under_lease;
use crate::cli::MigrationCommand;
use crate::exit::Exit;
use crate::report::chain;
use crate::wiring::{ReleaseMigrator, Wiring};

pub(super) async fn run(wiring: &Wiring, command: MigrationCommand, json: bool) -> Result<Exit> {
    match command {
        MigrationCommand::Lint {
            paths,
            release,
            format,
        } => lint::lint(wiring, &paths, release.as_deref(), format, json).await,
        MigrationCommand::Check { path, release } => {
            check::check(wiring, path, release.as_deref(), json).await
        }
        MigrationCommand::Status { release } => {
            status::status(wiring, release.as_deref(), json).await
        }
        MigrationCommand::Analyse { release, deadline } => {
            analyse::analyse(wiring, release.as_deref(), deadline, json).await
        }
        MigrationCommand::Rehearse { release } => {
            super::rehearse::run(wiring, &release, json).await
        }
        MigrationCommand::Run {
            release,
            to,
            dry_run: true,
        } => {
            let plan = run::pending(wiring, release.as_deref(), to.as_deref()).await?;
            run::preview_up(wiring, &plan, json).await
        }
        MigrationCommand::Run { release, to, .. } => {
            let work = async |by_hand| {
                let plan = run::pending(wiring, release.as_deref(), to.as_deref()).await?;
                run::up(wiring, &plan, by_hand, json).await
            };
            under_lease(wiring, json, work).await
        }
        MigrationCommand::Revert {
            release,
            to,
            dry_run: true,
        } => {
            let (_, plan) = run::down_to(wiring, release.as_deref(), &to).await?;
            Ok(run::preview_down(wiring, &plan, json))
        }
        MigrationCommand::Revert { release, to, .. } => {
            let work = async |by_hand| {
                let (opened, plan) = run::down_to(wiring, release.as_deref(), &to).await?;
                run::down(wiring, &opened, &plan, by_hand, json).await
            };
            under_lease(wiring, json, work).await
        }
    }
}

/// The folder of migrations of a release, or of the current one.
async fn folder(wiring: &Wiring, release: Option<&str>) -> Result<PathBuf> {
    let (migrations, _) = wiring.migrations()?;
    let backend = wiring.backend()?;
    let release = match release {
        Some(label) => backend.resolve(label).await?,
        None => backend
            .observe()
            .await?
            .desired
            .context("no release is current; name one with --release")?,
    };
    Ok(wiring.releases()?.join(&release.id).join(&migrations.path))
}

async fn opened(wiring: &Wiring, release: Option<&str>) -> Result<ReleaseMigrator> {
    wiring.migrations_in(folder(wiring, release).await?).await
}

fn told(e: &Error) -> anyhow::Error {
    match e.help() {
        Some(help) => anyhow::anyhow!("{}; {help}", chain(e)),
        None => anyhow::anyhow!("{}", chain(e)),
    }
}
