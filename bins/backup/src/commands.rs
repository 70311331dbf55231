use std::io::{IsTerminal as _, Write as _};

use anyhow::Error;
use ripcord_backup::sources::Switch;
use ripcord_backup::{BackupId, CreateOptions, Freshness, Progress, Stage};

use crate::cli::{Cli, Command};
use crate::exit::Outcome;
use crate::output;
use crate::wiring::{source, vault};

/// Runs one command and prints its result.
pub(crate) async fn run(cli: &Cli) -> Result<Outcome, Error> {
    let common = &cli.common;
    let mut outcome = Outcome::Done;
    let output = match &cli.command {
        Command::Create { level, labels } => {
            let source = source(common)?;
            let mut options = CreateOptions::default();
            options.level = *level;
            options.labels = labels.iter().cloned().collect();
            output::created(&vault(common)?.create(&source, &options, &Narrated).await?)
        }
        Command::List => output::listed(&vault(common)?.list().await?),
        Command::Verify { id, level } => {
            let source = source(common)?;
            let vault = vault(common)?;
            let verification = vault.verify(&source, id, *level, &Narrated).await?;
            output::verified(id, &verification)
        }
        Command::Restore { id, into, switch } => {
            let source = source(common)?;
            let vault = vault(common)?;
            let restored = vault.restore(&source, id, into, &Narrated).await?;
            let written = source.writes_since(&restored.manifest.writes).await?;
            if *switch {
                let switched = source.switch(&Switch::new(into, id.clone())).await?;
                let live = &restored.manifest.server.database;
                output::restored(id, live, Some(&switched.kept), written.as_ref())
            } else {
                output::restored(id, into, None, written.as_ref())
            }
        }
        Command::Gate { max_age, min_level } => {
            let wanted = Freshness::new(*max_age, *min_level);
            let answer = vault(common)?.gate(&wanted).await;
            if !answer.allows() {
                outcome = Outcome::Refused;
            }
            output::answered(&answer)
        }
    };
    output.print(common.json)?;
    Ok(outcome)
}

/// Says on standard error what is being done.
#[derive(Debug)]
struct Narrated;

impl Progress for Narrated {
    fn stage(&self, id: &BackupId, stage: Stage) {
        let doing = match stage {
            Stage::Reserved => "reserved",
            Stage::Dumping => "dumping",
            Stage::Reading => "reading back",
            Stage::Restoring => "restoring into a copy",
            Stage::Comparing => "comparing with the snapshot",
            Stage::Published => "published",
            _ => return,
        };
        let mut stderr = std::io::stderr();
        let line = if stderr.is_terminal() {
            format!("\x1b[2m{id}\x1b[0m {doing}\n")
        } else {
            format!("{id} {doing}\n")
        };
        // Progress that nobody sees is no reason to stop.
        let _ = stderr.write_all(line.as_bytes());
    }

    fn bytes(&self, _count: u64) {}
}
