use std::fmt::Write as _;

use anyhow::{Result, bail};
use ripcord_health_probe::{Gate, GatePolicy, GateReport, Verdict};

use crate::config::GateConfig;
use crate::exit::Exit;
use crate::wiring::Wiring;

/// Runs a gate now; without a name every check once. No release is expected.
pub(super) async fn run(wiring: &Wiring, name: Option<&str>, json: bool) -> Result<Exit> {
    let report = match name {
        Some(name) => {
            let Some(gate) = wiring.config.gate(name) else {
                let known: Vec<&str> = wiring
                    .config
                    .gates
                    .iter()
                    .map(|(n, _)| n.as_str())
                    .collect();
                bail!(
                    "there is no [gate.{name}] in the configuration; there are: {}",
                    known.join(", ")
                );
            };
            let (gate, _) = wiring.gate(gate)?;
            gate.run(None, &(), &()).await
        }
        None => all_once(wiring).await?,
    };
    let exit = match report.verdict {
        Verdict::Pass => Exit::Ok,
        Verdict::Fail => Exit::Blocked,
        _ => Exit::Inconclusive,
    };
    if json {
        wiring.output.json(json_of(name, &report));
    } else {
        wiring.output.result(&text(&report));
    }
    Ok(exit)
}

async fn all_once(wiring: &Wiring) -> Result<GateReport> {
    if wiring.config.checks.is_empty() {
        bail!("there is no [[check]] in the configuration");
    }
    let checks = wiring
        .config
        .checks
        .iter()
        .map(|c| c.name.clone())
        .collect();
    let (gate, _): (Gate, _) = wiring.gate(&GateConfig {
        checks,
        policy: GatePolicy::default(),
    })?;
    Ok(gate.run_once(None).await)
}

fn json_of(name: Option<&str>, report: &GateReport) -> serde_json::Value {
    let checks: Vec<serde_json::Value> = report
        .rounds
        .back()
        .into_iter()
        .flat_map(|round| &round.results)
        .map(|r| {
            serde_json::json!({
                "name": r.name,
                "verdict": r.verdict.as_str(),
                "reason": r.reason.as_str(),
                "release": r.release,
                "seconds": r.took.as_secs_f64(),
                "detail": r.detail,
            })
        })
        .collect();
    serde_json::json!({
        "schema": 1,
        "gate": name,
        "verdict": report.verdict.as_str(),
        "reason_code": report.reason_code.as_str(),
        "attempts": report.attempts,
        "seconds": report.took.as_secs_f64(),
        "checks": checks,
    })
}

fn text(report: &GateReport) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} ({})",
        report.verdict.as_str(),
        report.reason_code.as_str().replace('_', " ")
    );
    for r in report
        .rounds
        .back()
        .into_iter()
        .flat_map(|round| &round.results)
    {
        let release = r
            .release
            .as_ref()
            .map_or_else(String::new, |id| format!(", release {id}"));
        let detail = if r.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", r.detail)
        };
        let _ = writeln!(
            text,
            "  {:<16} {:<13} {} in {:.3} s{release}{detail}",
            r.name,
            r.verdict.as_str(),
            r.reason.as_str(),
            r.took.as_secs_f64()
        );
    }
    text
}
