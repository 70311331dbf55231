use std::path::Path;

use anyhow::{Context as _, Error};
use ripcord_backup::retention::{LabelRule, Retention};
use ripcord_backup::sources::{
    ConstraintChecks, Contents, Extract, ExtractSource, OnConflict, PostgresSource, PutBackMode,
    PutBackOptions, RowHashes,
};
use ripcord_backup::{
    Clock as _, CreateOptions, Freshness, ImportOptions, Manifest, Passphrase, SystemClock,
    Verification,
};
use tokio::io::AsyncRead;

use crate::cli::{Cli, Command, Common, Conflict, Keep};
use crate::exit::{Outcome, Usage};
use crate::output::{self, Output};
use crate::progress::Shown;
use crate::restore::{Then, Wish, restore};
use crate::wiring::{Live, Missing, live, live_with, secret, vault};

/// Runs one command and prints its result.
pub(crate) async fn run(cli: &Cli) -> Result<Outcome, Error> {
    let common = &cli.common;
    let mut outcome = Outcome::Done;
    let output = match &cli.command {
        Command::Create {
            level,
            labels,
            schema_only,
            skip_row_hashes,
        } => {
            let contents = match schema_only {
                true => Contents::Definitions,
                false => Contents::Everything,
            };
            let rows = match skip_row_hashes {
                true => RowHashes::None,
                false => RowHashes::FromDump,
            };
            let live = live_with(common, contents, rows)?;
            let mut options = CreateOptions::default();
            options.level = *level;
            options.labels = labels.iter().cloned().collect();
            let manifest = vault(common, Missing::Make)?
                .create(live.source(), &options, &Shown::new())
                .await?;
            outcome = as_asked(&manifest.verification);
            output::created(&manifest)
        }
        Command::List => output::listed(&vault(common, Missing::Refuse)?.list().await?),
        Command::Verify { id, level } => {
            let (live, vault) = (live(common)?, vault(common, Missing::Refuse)?);
            let verification = vault
                .verify(live.source(), id, *level, &Shown::new())
                .await?;
            outcome = as_asked(&verification);
            output::verified(id, &verification)
        }
        Command::Export {
            table,
            columns,
            filter,
            labels,
        } => {
            let mut extract = match columns.as_slice() {
                [] => Extract::table(table),
                columns => Extract::columns(table, columns),
            };
            extract.filter.clone_from(filter);
            let source = ExtractSource::new(postgres(common)?, vec![extract]);
            let mut options = CreateOptions::default();
            options.labels = labels.iter().cloned().collect();
            let manifest = vault(common, Missing::Make)?
                .create(&source, &options, &Shown::new())
                .await?;
            outcome = as_asked(&manifest.verification);
            output::created(&manifest)
        }
        Command::PutBack {
            id,
            on_conflict,
            defer_constraints,
            dry_run,
        } => {
            let mut options = PutBackOptions::default();
            options.on_conflict = match on_conflict {
                Conflict::Fail => OnConflict::Fail,
                Conflict::Keep => OnConflict::Keep,
                Conflict::Overwrite => OnConflict::Overwrite,
            };
            if *defer_constraints {
                options.constraints = ConstraintChecks::Deferred;
            }
            if *dry_run {
                options.mode = PutBackMode::DryRun;
            }
            let (source, vault) = (postgres(common)?, vault(common, Missing::Refuse)?);
            let shown = Shown::new();
            let mut archive = vault.read(id, &shown).await?;
            let done = source.put_back(&mut archive, &options).await?;
            output::put_back(id, &done, options.mode)
        }
        Command::Restore {
            id,
            into,
            switch,
            in_place,
            keep_schema,
            allow_restore,
        } => {
            let then = match (switch, in_place) {
                (true, _) => Then::Switch,
                (_, true) => Then::Replace,
                _ => Then::Stay,
            };
            let wish = Wish {
                id,
                into,
                then,
                keep: keep_schema,
                reason: allow_restore.as_deref(),
            };
            let (output, ended) = restore(common, &wish).await?;
            outcome = ended;
            output
        }
        Command::Gate { max_age, min_level } => {
            let mut wanted = Freshness::new(*max_age, *min_level);
            wanted.source = Some(live(common)?.source().name().to_owned());
            let answer = vault(common, Missing::Refuse)?.gate(&wanted).await;
            if !answer.allows() {
                outcome = Outcome::Refused;
            }
            output::answered(&answer)
        }
        Command::Prune(keep) => {
            let (shown, pruned) = prune(common, keep).await?;
            outcome = pruned;
            shown
        }
        Command::Pin { id, reason } => {
            vault(common, Missing::Refuse)?.pin(id, reason).await?;
            output::pinned(id, Some(reason))
        }
        Command::Unpin { id } => {
            vault(common, Missing::Refuse)?.unpin(id).await?;
            output::pinned(id, None)
        }
        Command::Import {
            file,
            dump_passphrase_env,
            iterations,
            labels,
        } => {
            let mut options = ImportOptions::default();
            options.labels = labels.iter().cloned().collect();
            options.iterations = *iterations;
            if let Some(name) = dump_passphrase_env {
                options.passphrase = Some(Passphrase::new(secret(name)?));
            }
            output::created(&import(common, file, options).await?)
        }
    };
    output.print(common.json)?;
    Ok(outcome)
}

fn postgres(common: &Common) -> Result<PostgresSource, Error> {
    match live(common)? {
        Live::Postgres(source) => Ok(*source),
        _ => Err(Usage("exports are for PostgreSQL only".to_owned()).into()),
    }
}

fn as_asked(verification: &Verification) -> Outcome {
    match verification.limited {
        Some(_) => Outcome::Refused,
        None => Outcome::Done,
    }
}

async fn prune(common: &Common, keep: &Keep) -> Result<(Output, Outcome), Error> {
    let mut retention = Retention::default();
    let some = [
        keep.keep_hourly,
        keep.keep_daily,
        keep.keep_weekly,
        keep.keep_monthly,
        keep.keep_yearly,
    ]
    .into_iter()
    .max()
    .unwrap_or(0);
    let none = some == 0 && keep.keep_label.is_empty();
    retention.keep_last = keep.keep_last.unwrap_or(if none { 7 } else { 0 });
    retention.hourly = keep.keep_hourly;
    retention.daily = keep.keep_daily;
    retention.weekly = keep.keep_weekly;
    retention.monthly = keep.keep_monthly;
    retention.yearly = keep.keep_yearly;
    retention.keep_labels = keep
        .keep_label
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) => LabelRule::exactly(name, value),
            None => LabelRule::any(text),
        })
        .collect();
    let (live, vault) = (live(common)?, vault(common, Missing::Refuse)?);
    let plan = vault
        .plan_prune(&retention, live.source().name(), SystemClock.now())
        .await?;
    let report = match keep.confirm {
        true => Some(vault.prune(&plan).await?),
        false => None,
    };
    let outcome = match &report {
        Some(report) if !report.failed.is_empty() => Outcome::Failed,
        _ => Outcome::Done,
    };
    Ok((output::pruned(&plan, report.as_ref()), outcome))
}

async fn import(
    common: &Common,
    file: &Path,
    mut options: ImportOptions,
) -> Result<Manifest, Error> {
    let (live, vault) = (live(common)?, vault(common, Missing::Make)?);
    let from: Box<dyn AsyncRead + Send + Unpin> = if file == Path::new("-") {
        Box::new(tokio::io::stdin())
    } else {
        let open = tokio::fs::File::open(file)
            .await
            .map_err(|error| Usage(format!("cannot read {}: {error}", file.display())))?;
        // As old as the file, not as young as the import.
        let modified = open.metadata().await?.modified()?;
        options.created = Some(modified.try_into().context("the file's time")?);
        Box::new(open)
    };
    Ok(vault
        .import(live.source(), from, &options, &Shown::new())
        .await?)
}
