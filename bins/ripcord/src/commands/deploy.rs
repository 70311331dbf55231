use std::sync::Arc;

use anyhow::Result;
use ripcord_notify::{DeliveryReport, Dispatcher};
use ripcord_rollback::engine::{Direction, Stop};
use ripcord_rollback::{Answer, Engine, ErrorKind, Journal, Request, Story};
use tokio::signal::unix::{SignalKind, signal};

use super::{DELIVERY_BUDGET, journal};
use crate::cli::ConsentArgs;
use crate::compose::Told;
use crate::exit::Exit;
use crate::rehearsal::place;
use crate::report::{DeploymentReport, story_text};
use crate::wiring::Wiring;

/// What `deploy` was asked for.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) release: String,
    pub(super) consent: ConsentArgs,
    pub(super) reason: Option<String>,
    pub(super) hotfix: Option<String>,
    pub(super) over_declared: Option<String>,
}

/// What `rollback` was asked for.
#[derive(Debug)]
pub(super) struct Back {
    pub(super) to: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) revert_schema: Option<String>,
}

impl Back {
    pub(super) fn request(&self) -> Request {
        let mut request = Request::default();
        request.revert_schema.clone_from(&self.revert_schema);
        note(&mut request, "reason", self.reason.as_deref());
        note(
            &mut request,
            "takes the schema back",
            self.revert_schema.as_deref(),
        );
        request
    }
}

fn note(request: &mut Request, what: &str, why: Option<&str>) {
    if let Some(why) = why {
        request.notes.push(format!("{what}: {why}"));
    }
}

/// The engine's request: what the environment allows, widened by what the operator consents to.
pub(super) fn request(wiring: &Wiring, release: &str, consent: &ConsentArgs) -> Request {
    let mut request = Request::new(release);
    let downtime = consent
        .max_downtime
        .unwrap_or(wiring.config.deploy.max_downtime);
    request.consent.downtime_seconds = downtime.as_secs_f64();
    request.consent.restore.clone_from(&consent.allow_restore);
    request
        .consent
        .forward_only
        .clone_from(&consent.accept_forward_only);
    request.consent.hazards.clone_from(&consent.accept_hazards);
    note(
        &mut request,
        "restore allowed",
        consent.allow_restore.as_deref(),
    );
    note(
        &mut request,
        "no way back accepted",
        consent.accept_forward_only.as_deref(),
    );
    note(
        &mut request,
        "hazards accepted",
        consent.accept_hazards.as_deref(),
    );
    if let Some(downtime) = consent.max_downtime {
        request
            .notes
            .push(format!("downtime allowed: {} s", downtime.as_secs()));
    }
    request
}

pub(super) async fn deploy(wiring: &Wiring, wish: Wish, json: bool) -> Result<Exit> {
    let mut request = request(wiring, &wish.release, &wish.consent);
    note(&mut request, "reason", wish.reason.as_deref());
    note(&mut request, "hotfix", wish.hotfix.as_deref());
    note(
        &mut request,
        "over a declared state",
        wish.over_declared.as_deref(),
    );
    request.waive_pre_gate = wish.hotfix;
    request.over_declared = wish.over_declared;
    if !wiring.config.journal.exists() {
        // The very first deployment makes the journal: a mistake in the command must not.
        wiring
            .reading_engine(Told::default())?
            .survey(&request)
            .await?;
    }
    run(wiring, json, async |engine| engine.deploy(&request).await).await
}

pub(super) async fn rollback(wiring: &Wiring, back: &Back, json: bool) -> Result<Exit> {
    let request = back.request();
    if !wiring.config.journal.exists() {
        wiring
            .reading_engine(Told::default())?
            .survey_return(back.to.as_deref(), &request)
            .await?
            .ok();
    }
    run(wiring, json, async |engine| {
        engine.rollback(back.to.as_deref(), &request).await
    })
    .await
}

pub(super) async fn resume(wiring: &Wiring, json: bool) -> Result<Exit> {
    // A run that was killed while it rehearsed has left a server, and perhaps a release at work on it.
    let folder = place::reachable(&wiring.config.rehearsal.folder);
    if let Err(e) = place::sweep(&folder).await {
        wiring
            .output
            .warn(&format!("what a rehearsal left is still there: {e:#}"));
    }
    run(wiring, json, async |engine| {
        engine.resume(Direction::Decide).await
    })
    .await
}

/// Asks a running deployment to go back, or takes an interrupted one back.
pub(super) async fn abort(wiring: &Wiring, json: bool) -> Result<Exit> {
    let engine = wiring.engine(journal(wiring)?, None, told(wiring, None))?;
    if let Some((deployment, holder)) = engine.request_abort().await? {
        let text = format!(
            "asked {} to stop deployment {deployment} and go back",
            holder.owner
        );
        if json {
            wiring.output.json(serde_json::json!({"schema": 1, "deployment": deployment, "outcome": "requested", "owner": holder.owner.to_string()}));
        } else {
            wiring.output.result(&text);
        }
        return Ok(Exit::Ok);
    }
    run(wiring, json, async |engine| {
        engine.resume(Direction::Back).await
    })
    .await
}

fn told(wiring: &Wiring, story: Option<&Story>) -> Told {
    Told {
        service: wiring.config.service.clone(),
        environment: wiring.config.environment.clone(),
        release: story.map(|s| s.release.label.clone()).unwrap_or_default(),
        previous: story
            .and_then(|s| s.previous.as_ref())
            .map(|p| p.label.clone()),
        actor: String::new(),
        by_hand: story.is_some_and(|s| s.kind == ripcord_rollback::journal::Kind::Rollback),
    }
}

async fn run(
    wiring: &Wiring,
    json: bool,
    work: impl AsyncFnOnce(&Engine) -> Result<Answer, ripcord_rollback::Error>,
) -> Result<Exit> {
    let dispatcher = wiring.dispatcher()?;
    let journal = journal(wiring)?;
    let stories = Story::all(&Journal::replay(&journal, None).await?);
    let last = Story::open(&stories).cloned();
    let engine = wiring.engine(journal, dispatcher.clone(), told(wiring, last.as_ref()))?;
    let signals = stop_on_signals(&engine, wiring);
    let answer = work(&engine).await;
    signals.abort();
    let answer = match answer {
        // The error is about a step; what counts is whether something was changed and has to be finished.
        Err(e) if e.kind() != ErrorKind::Fenced && unfinished(&engine).await => {
            wiring.output.error(&e.chain());
            return Ok(Exit::NeedsHuman);
        }
        answer => answer,
    };
    drop(engine);
    let delivery = deliver(dispatcher).await;
    let (report, exit) = match answer? {
        Answer::Ended(story) => {
            let exit = story
                .ended
                .as_ref()
                .map_or(Exit::NeedsHuman, |(ending, _, _)| Exit::from(*ending));
            (DeploymentReport::of(&story), exit)
        }
        Answer::LeaseHeld(holder) => (
            DeploymentReport::lease_held(&wiring.config.environment, &holder),
            Exit::LeaseHeld,
        ),
        Answer::Refused(reason) => (
            DeploymentReport::without(&wiring.config.environment, "blocked", &reason),
            Exit::Blocked,
        ),
        Answer::Nothing(text) => {
            let reason = ripcord_rollback::plan::Reason::new("nothing_to_do", text);
            (
                DeploymentReport::without(&wiring.config.environment, "nothing", &reason),
                Exit::Ok,
            )
        }
    };
    let report = report.with_delivery(&delivery);
    for message in &report.undelivered {
        wiring.output.warn(&format!(
            "not delivered to {}: {}",
            message.destination, message.reason
        ));
    }
    show(wiring, &report, exit, json)?;
    Ok(exit)
}

/// Whether a deployment was cut off after it changed something, or nobody can tell.
async fn unfinished(engine: &Engine) -> bool {
    match engine.stories().await {
        Ok(stories) => {
            Story::open(&stories).is_some_and(|story| !story.is_over() && story.touched())
        }
        Err(_) => true,
    }
}

fn show(wiring: &Wiring, report: &DeploymentReport, exit: Exit, json: bool) -> Result<()> {
    if !matches!(exit, Exit::Ok) {
        wiring.output.annotate(&format!(
            "{}: {}",
            report.outcome,
            report.reasons.join("; ")
        ));
    }
    let text = story_text(report);
    wiring.output.summary(&text);
    if json {
        wiring.output.json(serde_json::to_value(report)?);
    } else {
        wiring.output.result(&text);
    }
    Ok(())
}

async fn deliver(dispatcher: Option<Arc<Dispatcher>>) -> DeliveryReport {
    match dispatcher.and_then(Arc::into_inner) {
        Some(dispatcher) => dispatcher.finish(DELIVERY_BUDGET).await,
        None => DeliveryReport::default(),
    }
}

/// The first signal asks the deployment to go back; the second ends the process and leaves a journal that resumes. A
/// terminal that goes away is no reason to stop half-way.
fn stop_on_signals(engine: &Engine, wiring: &Wiring) -> tokio::task::JoinHandle<()> {
    let stop = engine.stop_switch().clone();
    let output = Arc::clone(&wiring.output);
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut hangup)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return;
        };
        let mut times = 0;
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => times += 1,
                _ = term.recv() => times += 1,
                _ = hangup.recv() => output.warn("the terminal went away; the deployment goes on"),
            }
            if times > 1 {
                output.warn("stopped; finish with `ripcord resume`");
                let _ = rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            } else if times == 1 && stop.asked().is_none() {
                output.warn("asked to stop: going back; once more to stop at once");
                stop.stop(Stop::Abort);
            }
        }
    })
}
