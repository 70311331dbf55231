//! The shape of a database in a file.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use ripcord_migration_guard::live::{self, LiveOptions};
use ripcord_migration_guard::{RunOptions, Snapshot};

use crate::cli::{DatabaseArgs, SnapshotArgs};
use crate::exit::Done;
use crate::layout::Doubt;
use crate::opened::Opened;
use crate::run;

pub(crate) async fn snapshot(args: &SnapshotArgs) -> anyhow::Result<Done> {
    let conninfo = run::conninfo(&args.database)?;
    let (mut snapshot, unknown) = live::snapshot(&conninfo, &LiveOptions::default()).await?;
    for one in unknown {
        note(&format!("unknown: {}, because {}", one.what, one.why));
    }
    match reader(&args.database).await {
        Ok(opened) => {
            let status = opened.migrator().status(opened.workspace()).await?;
            snapshot.applied = status.applied.into_iter().map(|a| a.version).collect();
        }
        // A database is worth a look without its migrations, too.
        Err(error) => note(&format!(
            "which migrations are applied is left out: failed to {error:#}"
        )),
    }
    let text = snapshot.to_json()?;
    match &args.out {
        Some(file) => std::fs::write(file, text)
            .with_context(|| format!("write the snapshot {}", file.display()))?,
        None => std::io::stdout()
            .lock()
            .write_all(text.as_bytes())
            .context("write the snapshot")?,
    }
    Ok(Done::Ok)
}

fn note(text: &str) {
    // A courtesy: a closed stderr stops nothing.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Reads a file of the above.
pub(crate) fn read(path: &Path) -> anyhow::Result<Snapshot> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "read the snapshot {}; make it with migration-guard snapshot --out FILE",
            path.display()
        )
    })?;
    Ok(Snapshot::parse(path, &text)?)
}

/// Whoever runs the migrations, only asked what is pending, and with little patience.
pub(crate) async fn reader(args: &DatabaseArgs) -> anyhow::Result<Opened> {
    let mut options = RunOptions::default();
    options.lock_timeout = Duration::from_millis(200);
    options.statement_timeout = Duration::from_secs(2);
    options.application_name = "migration-guard analyse".to_owned();
    Opened::with(args, options, Doubt::Tell).await
}
