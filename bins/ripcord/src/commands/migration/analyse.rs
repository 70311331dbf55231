use std::time::Duration;

use anyhow::Result;
use ripcord_migration_guard::live::{self, LiveOptions};

use super::{opened, told};
use crate::compose::apply;
use crate::exit::Exit;
use crate::report::AnalysisReport;
use crate::wiring::Wiring;

/// Asks the live database what stands in the way of the pending migrations, and what they cost.
pub(super) async fn analyse(
    wiring: &Wiring,
    release: Option<&str>,
    deadline: Duration,
    json: bool,
) -> Result<Exit> {
    let (migrations, database) = wiring.migrations()?;
    let opened = opened(wiring, release).await?;
    let pending = opened.status().await.map_err(|e| told(&e))?.pending;
    let mut options = LiveOptions::default();
    options.deadline = deadline;
    options.patience = migrations.limits.lock_timeout;
    options.application_name = "ripcord-migration".to_owned();
    let analysis = live::analyse(&database.conninfo, &pending, &options).await;
    let analysis = analysis.map_err(|e| told(&e))?;
    let mut lint = analysis.assessment.to_lint();
    let base = wiring.releases().unwrap_or_default();
    apply(&migrations.policy, &base, &mut lint);
    let report = AnalysisReport::of(&analysis, &pending, &lint);
    if json {
        wiring.output.json(serde_json::to_value(&report)?);
    } else {
        wiring.output.result(&report.text());
    }
    Ok(if report.blocks {
        Exit::Blocked
    } else {
        Exit::Ok
    })
}
