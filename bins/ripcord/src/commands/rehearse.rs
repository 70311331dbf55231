use anyhow::Result;
use ripcord_rollback::evidence::Evidence;
use ripcord_rollback::journal::{Exclusive, exclusively};
use ripcord_rollback::{Rehearsed, engine::Survey};

use super::deploy::request;
use crate::cli::ConsentArgs;
use crate::compose::Told;
use crate::config::RehearsalPlace;
use crate::exit::Exit;
use crate::report::RehearsalReport;
use crate::wiring::{Wiring, owner};

/// `migration rehearse`.
pub(super) async fn run(wiring: &Wiring, release: &str, json: bool) -> Result<Exit> {
    let (_, rehearsed) = rehearse(wiring, release, &ConsentArgs::default()).await?;
    let (report, exit) = match &rehearsed {
        Rehearsed::Tried(evidence) => (RehearsalReport::of(evidence), Exit::Ok),
        Rehearsed::Refused(reason) => (RehearsalReport::blocked(reason), Exit::Blocked),
        Rehearsed::Not => {
            let off = wiring.config.rehearsal.place == RehearsalPlace::Off;
            let why = match &wiring.config.migrations {
                Some(_) if off => "nothing was tried: rehearsal.where is \"off\"",
                Some(_) => "no migration is pending, so there is nothing to try",
                None => "there are no [migrations] in the configuration",
            };
            (RehearsalReport::nothing(why), Exit::Ok)
        }
    };
    if json {
        wiring.output.json(serde_json::to_value(&report)?);
    } else {
        wiring.output.result(&report.text());
    }
    Ok(exit)
}

/// Tries the way back of a release out and keeps what that has shown in the journal.
pub(super) async fn rehearse(
    wiring: &Wiring,
    release: &str,
    consent: &ConsentArgs,
) -> Result<(Survey, Rehearsed)> {
    let engine = wiring.reading_engine(Told::default())?;
    let request = request(wiring, release, consent);
    let (survey, rehearsed) = engine.rehearse(&request).await?;
    if let Rehearsed::Tried(evidence) = &rehearsed {
        keep(wiring, evidence).await;
    }
    Ok((survey, rehearsed))
}

/// What cannot be kept is only not reused.
async fn keep(wiring: &Wiring, evidence: &Evidence) {
    let kept = async {
        let journal = wiring.guarding_journal()?;
        let ttl = wiring.config.deploy.lease_ttl;
        let work = async |by_hand: ripcord_rollback::journal::ByHand| {
            by_hand.rehearsed(evidence.clone()).await
        };
        match exclusively(journal, &owner(), ttl, work).await? {
            Exclusive::Done(done) => Ok(done?),
            Exclusive::Held(holder) => anyhow::bail!("{} is deploying", holder.owner),
            Exclusive::Unfinished(id) => anyhow::bail!("deployment {id} was interrupted"),
        }
    };
    if let Err(e) = kept.await {
        let why = format!("{e:#}");
        wiring.output.warn(&format!(
            "the next deployment rehearses again, because this one could not be kept: {why}"
        ));
    }
}
