use std::fmt::Write as _;

use anyhow::Result;
use ripcord_rollback::engine::{Return, Survey};
use ripcord_rollback::plan::Reason;
use ripcord_rollback::{Engine, Rehearsed, RollbackPlan};
use serde_json::json;

use super::deploy::{Back, request};
use crate::cli::ConsentArgs;
use crate::compose::Told;
use crate::exit::Exit;
use crate::report::{PlanReport, RehearsalReport};
use crate::wiring::Wiring;

/// An engine that reads the journal if there is one, and makes none.
fn engine(wiring: &Wiring) -> Result<Engine> {
    wiring.reading_engine(Told::default())
}

pub(super) async fn run(
    wiring: &Wiring,
    release: &str,
    consent: &ConsentArgs,
    json: bool,
) -> Result<Exit> {
    let engine = engine(wiring)?;
    let survey = engine.survey(&request(wiring, release, consent)).await?;
    show(wiring, &engine, &survey, json)
}

/// `plan --rehearse`.
pub(super) async fn rehearsed(
    wiring: &Wiring,
    release: &str,
    consent: &ConsentArgs,
    json: bool,
) -> Result<Exit> {
    let (mut survey, rehearsed) = super::rehearse::rehearse(wiring, release, consent).await?;
    if let Rehearsed::Refused(reason) = rehearsed {
        survey.decision.blocked.push(reason);
    }
    show(wiring, &engine(wiring)?, &survey, json)
}

fn show(wiring: &Wiring, engine: &Engine, survey: &Survey, json: bool) -> Result<Exit> {
    let exit = if blocked(engine, survey).is_empty() {
        Exit::Ok
    } else {
        Exit::Blocked
    };
    if json {
        wiring.output.json(survey_json(wiring, engine, survey)?);
    } else {
        wiring.output.result(&survey_text(wiring, engine, survey));
    }
    Ok(exit)
}

/// What forbids the deployment for certain: where a rehearsal is going to decide, what follows from the class does not.
fn blocked(engine: &Engine, survey: &Survey) -> Vec<Reason> {
    match engine.rehearses(&survey.assessment) {
        true => survey.decision.whatever_the_class(),
        false => survey.decision.blocked.clone(),
    }
}

fn survey_json(wiring: &Wiring, engine: &Engine, survey: &Survey) -> Result<serde_json::Value> {
    Ok(json!({
        "schema": 1,
        "environment": wiring.config.environment,
        "release": survey.release.label,
        "previous": survey.previous.as_ref().map(|p| &p.label),
        "running": survey.observed.running,
        "migrations": survey.assessment.pending.iter().map(|m| json!({
            "id": m.version,
            "name": m.name,
            "reversible": m.irreversible.is_none(),
            "additive": m.not_additive.is_none(),
            "losses": m.losses,
        })).collect::<Vec<_>>(),
        "plan": PlanReport::of(&survey.decision.plan),
        "rehearsal": survey.assessment.evidence.as_deref().map(RehearsalReport::of),
        "provisional": engine.rehearses(&survey.assessment),
        "predicted_downtime_seconds": survey.decision.predicted_downtime,
        "findings": survey.assessment.findings,
        "blocked": reasons(&blocked(engine, survey)),
        "outcome": if blocked(engine, survey).is_empty() { "ok" } else { "blocked" },
    }))
}

fn reasons(blocked: &[Reason]) -> Vec<serde_json::Value> {
    blocked
        .iter()
        .map(|r| json!({"code": r.code, "text": r.text}))
        .collect()
}

fn survey_text(wiring: &Wiring, engine: &Engine, survey: &Survey) -> String {
    let mut text = String::new();
    let from = survey
        .previous
        .as_ref()
        .map_or_else(|| "nothing".to_owned(), |p| p.label.clone());
    let _ = writeln!(
        text,
        "{from} -> {} in {}",
        survey.release, wiring.config.environment
    );
    let _ = writeln!(text, "running now: {}", survey.observed.running);
    if survey.assessment.pending.is_empty() {
        let _ = writeln!(text, "migrations: none pending");
    } else {
        let _ = writeln!(text, "migrations:");
        for m in &survey.assessment.pending {
            let down = m.irreversible.as_deref().map_or("has a down", |why| why);
            let kind = m.not_additive.as_deref().map_or_else(
                || "additive".to_owned(),
                |why| format!("not additive ({why})"),
            );
            let _ = writeln!(text, "  {}: {kind}; {down}", m.name);
            for loss in &m.losses {
                let _ = writeln!(text, "    loses {loss}");
            }
        }
    }
    for finding in &survey.assessment.findings {
        let _ = writeln!(text, "note: {finding}");
    }
    let _ = writeln!(text, "steps:");
    for step in steps(wiring, engine, survey) {
        let _ = writeln!(text, "  {step}");
    }
    plan_text(&mut text, &survey.decision.plan);
    if engine.rehearses(&survey.assessment) {
        let _ = writeln!(
            text,
            "  provisional: the rehearsal decides (try it now with --rehearse)"
        );
        let certain = blocked(engine, survey);
        for reason in survey
            .decision
            .blocked
            .iter()
            .filter(|r| !certain.contains(r))
        {
            let _ = writeln!(
                text,
                "  unless it shows otherwise ({}): {}",
                reason.code, reason.text
            );
        }
    }
    blocked_text(&mut text, &blocked(engine, survey));
    text
}

fn steps(wiring: &Wiring, engine: &Engine, survey: &Survey) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(gate) = wiring.config.gate("pre") {
        steps.push(format!("gate pre: {}", gate.checks.join(", ")));
    }
    steps.push(format!("prepare {}", survey.release));
    if !survey.assessment.pending.is_empty() {
        steps.push("back up and verify the copy".to_owned());
        if engine.rehearses(&survey.assessment) {
            steps.push(
                "rehearse the way back on a restored copy, and decide the plan by it".to_owned(),
            );
        }
        if let Some(seconds) = survey.decision.predicted_downtime {
            steps.push(format!("stop writers (predicted downtime {seconds:.0} s, from table sizes and the last restart)"));
        }
        steps.extend(
            survey
                .assessment
                .pending
                .iter()
                .map(|m| format!("migrate {}", m.name)),
        );
    }
    steps.push(format!("activate {}", survey.release));
    for gate in ["post", "smoke"] {
        if let Some(configured) = wiring.config.gate(gate) {
            steps.push(format!("gate {gate}: {}", configured.checks.join(", ")));
        }
    }
    steps.push(format!(
        "observe for {} s, then commit",
        wiring.config.bake.as_secs()
    ));
    steps
}

fn plan_text(text: &mut String, plan: &RollbackPlan) {
    let _ = writeln!(
        text,
        "rollback plan: {} ({}): {}",
        plan.class,
        PlanReport::of(plan).basis,
        plan.reason
    );
    for step in &plan.undo {
        let _ = writeln!(text, "  {step}");
    }
    for loss in &plan.lost {
        let _ = writeln!(text, "  lost: {loss}");
    }
}

fn blocked_text(text: &mut String, blocked: &[Reason]) {
    for reason in blocked {
        let _ = writeln!(text, "blocked ({}): {}", reason.code, reason.text);
    }
}

/// `rollback --dry-run`.
pub(super) async fn rollback(wiring: &Wiring, back: &Back, json: bool) -> Result<Exit> {
    let engine = engine(wiring)?;
    match engine
        .survey_return(back.to.as_deref(), &back.request())
        .await?
    {
        Err(reason) => {
            if json {
                let blocked = reasons(std::slice::from_ref(&reason));
                wiring
                    .output
                    .json(json!({"schema": 1, "outcome": "blocked", "blocked": blocked}));
            } else {
                wiring
                    .output
                    .result(&format!("blocked ({}): {}", reason.code, reason.text));
            }
            Ok(Exit::Blocked)
        }
        Ok(found) => {
            show_return(wiring, &found, json);
            Ok(if found.blocked.is_empty() {
                Exit::Ok
            } else {
                Exit::Blocked
            })
        }
    }
}

fn show_return(wiring: &Wiring, found: &Return, json: bool) {
    let from = found.observed.desired.as_ref().map(|d| d.label.clone());
    if json {
        wiring.output.json(json!({
            "schema": 1,
            "environment": wiring.config.environment,
            "release": found.target.label,
            "previous": from,
            "plan": PlanReport::of(&found.plan),
            "blocked": reasons(&found.blocked),
            "outcome": if found.blocked.is_empty() { "ok" } else { "blocked" },
        }));
        return;
    }
    let mut text = String::new();
    let from = from.unwrap_or_else(|| "nothing".into());
    let _ = writeln!(
        text,
        "back from {from} to {} in {}",
        found.target, wiring.config.environment
    );
    plan_text(&mut text, &found.plan);
    blocked_text(&mut text, &found.blocked);
    wiring.output.result(&text);
}
