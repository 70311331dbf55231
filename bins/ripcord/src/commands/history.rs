use std::fmt::Write as _;

use anyhow::Result;
use ripcord_rollback::journal::{Holder, SqliteJournal};
use ripcord_rollback::{Journal, Story};
use serde_json::json;

use crate::exit::Exit;
use crate::report::DeploymentReport;
use crate::wiring::Wiring;

struct Read {
    stories: Vec<Story>,
    holder: Option<Holder>,
}

async fn read(wiring: &Wiring) -> Result<Read> {
    let Some(journal) = SqliteJournal::open_existing(&wiring.config.journal)? else {
        return Ok(Read {
            stories: Vec::new(),
            holder: None,
        });
    };
    Ok(Read {
        stories: Story::all(&journal.replay(None).await?),
        holder: journal.holder().await?,
    })
}

/// The deployments whose backups a rollback may still need: as many of the newest as releases are kept, and what is
/// unfinished.
pub(super) async fn deployments_within_reach(wiring: &Wiring) -> Result<Vec<String>> {
    let Some(release) = &wiring.config.release else {
        return Ok(Vec::new());
    };
    let found = read(wiring).await?;
    let with_backup = found.stories.iter().rev().filter(|s| s.backup.is_some());
    let newest = with_backup.take(release.keep);
    let open = Story::open(&found.stories);
    Ok(newest
        .chain(open)
        .map(|story| story.deployment.clone())
        .collect())
}

/// What runs, who deploys, how the last deployment ended.
pub(super) async fn status(wiring: &Wiring, json: bool) -> Result<Exit> {
    let found = read(wiring).await?;
    let observed = match &wiring.config.release {
        Some(_) => Some(wiring.backend()?.observe().await?),
        None => None,
    };
    let last = found.stories.last().map(DeploymentReport::of);
    let open = Story::open(&found.stories).filter(|_| found.holder.is_none());
    if json {
        wiring.output.json(json!({
            "schema": 1,
            "service": wiring.config.service,
            "environment": wiring.config.environment,
            "desired": observed.as_ref().and_then(|o| o.desired.as_ref()).map(|d| &d.label),
            "running": observed.as_ref().map(|o| &o.running),
            "lease": found.holder.as_ref().map(|h| json!({"owner": h.owner.to_string(), "epoch": h.epoch, "heartbeat_seconds_ago": h.since_heartbeat.as_secs_f64()})),
            "unfinished": open.map(|s| &s.deployment),
            "last": last,
        }));
        return Ok(Exit::Ok);
    }
    let mut text = format!(
        "{} in {}\n",
        wiring.config.service, wiring.config.environment
    );
    if let Some(observed) = &observed {
        let desired = observed
            .desired
            .as_ref()
            .map_or("nothing", |d| d.label.as_str());
        let _ = writeln!(text, "should run: {desired}");
        let _ = writeln!(text, "runs:       {}", observed.running);
    }
    match &found.holder {
        Some(holder) => {
            let _ = writeln!(text, "deploying:  {}", holder.owner);
        }
        None => {
            let _ = writeln!(text, "deploying:  nobody");
        }
    }
    match &last {
        Some(last) => {
            let _ = writeln!(
                text,
                "last:       {} {} {} ({})",
                last.deployment.as_deref().unwrap_or_default(),
                last.release.as_deref().unwrap_or_default(),
                last.outcome,
                last.reason_code
            );
        }
        None => {
            let _ = writeln!(text, "last:       none on record");
        }
    }
    if let Some(open) = open {
        let what = if open.is_over() {
            "needs a person: verify it"
        } else {
            "was interrupted: finish it"
        };
        let _ = writeln!(
            text,
            "deployment {} {what} with `ripcord resume`",
            open.deployment
        );
    }
    wiring.output.result(&text);
    Ok(Exit::Ok)
}

/// All deployments, newest first.
pub(super) async fn history(wiring: &Wiring, limit: u32, json: bool) -> Result<Exit> {
    let stories = read(wiring).await?.stories;
    let reports: Vec<DeploymentReport> = stories
        .iter()
        .rev()
        .take(limit as usize)
        .map(DeploymentReport::of)
        .collect();
    if json {
        wiring
            .output
            .json(json!({"schema": 1, "deployments": reports}));
        return Ok(Exit::Ok);
    }
    if reports.is_empty() {
        wiring.output.result("no deployment is on record");
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    for r in &reports {
        let _ = writeln!(
            text,
            "{}  {:<12} {} -> {}  {}",
            r.deployment.as_deref().unwrap_or_default(),
            r.outcome,
            r.previous.as_deref().unwrap_or("nothing"),
            r.release.as_deref().unwrap_or_default(),
            r.reasons.first().map_or("", String::as_str)
        );
    }
    wiring.output.result(&text);
    Ok(Exit::Ok)
}

/// What `resume` and `abort` would find.
pub(super) async fn pending(wiring: &Wiring, json: bool) -> Result<Exit> {
    let found = read(wiring).await?;
    let open = Story::open(&found.stories);
    let text = match (open, &found.holder) {
        (None, _) => "nothing to finish: no deployment is unfinished".to_owned(),
        (Some(story), Some(holder)) => format!(
            "deployment {} is running, owned by {}",
            story.deployment, holder.owner
        ),
        (Some(story), None) => {
            let step = story
                .steps
                .last()
                .map_or("its start", |(name, _, _)| name.as_str());
            let way = if story.is_over() {
                "going back was not verified: it would be tried once more"
            } else if story.committed {
                "it is committed and only has to be tidied up"
            } else if !story.touched() {
                "nothing was changed: the previous release would be verified"
            } else if story.activation_of(&story.release).is_some() && story.undo_attempts == 0 {
                "the new release was activated: it would be judged again, then forward or back"
            } else {
                "it would go back"
            };
            format!("deployment {} stopped at {step}: {way}", story.deployment)
        }
    };
    if json {
        wiring.output.json(json!({
            "schema": 1,
            "deployment": open.map(|s| &s.deployment),
            "running": found.holder.is_some(),
            "text": text,
        }));
    } else {
        wiring.output.result(&text);
    }
    Ok(Exit::Ok)
}
