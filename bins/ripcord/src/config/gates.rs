use std::time::Duration;

use ripcord_health_probe::GatePolicy;

use super::section::{Section, nearest};
use super::{ConfigError, GateConfig};

/// Reads `[gate.*]`.
pub(super) fn read(
    section: &Section<'_>,
    checks: &[&str],
) -> Result<Vec<(String, GateConfig)>, ConfigError> {
    let mut gates = Vec::new();
    for key in ["pre", "post", "smoke", "observe", "undo"] {
        let Some(gate) = section.table(key)? else {
            continue;
        };
        let names = gate
            .texts("checks")?
            .ok_or_else(|| gate.missing("checks"))?;
        if names.is_empty() {
            return Err(gate.wrong("checks", format!("[gate.{key}] needs at least one check")));
        }
        if let Some(unknown) = names.iter().find(|name| !checks.contains(&name.as_str())) {
            let error = gate.wrong(
                "checks",
                format!("[gate.{key}] names the check {unknown:?}, which does not exist"),
            );
            return Err(match nearest(unknown, checks) {
                Some(near) => error.with_hint(format!("did you mean {near:?}?")),
                None => error.with_hint(format!("there are: {}", checks.join(", "))),
            });
        }
        let mut policy = defaults(key);
        if let Some(attempts) = gate.number("attempts")? {
            policy.attempts = attempts;
        }
        if let Some(interval) = gate.duration("interval")? {
            policy.interval = interval;
        }
        if let Some(rise) = gate.number("rise")? {
            policy.rise = rise;
        }
        if let Some(fall) = gate.number("fall")? {
            policy.fall = fall;
        }
        if let Some(deadline) = gate.duration("deadline")? {
            policy.deadline = Some(deadline);
        }
        for (name, zero) in [
            ("attempts", policy.attempts == 0),
            ("rise", policy.rise == 0),
            ("fall", policy.fall == 0),
            ("interval", policy.interval.is_zero()),
        ] {
            if zero {
                return Err(gate.wrong(name, format!("`{name}` has to be more than 0")));
            }
        }
        gate.finish()?;
        gates.push((
            key.to_owned(),
            GateConfig {
                checks: names,
                policy,
            },
        ));
    }
    section.finish()?;
    Ok(gates)
}

/// The defaults per gate: the post gate waits 30 x 5 s; before a deployment the release that runs has to be healthy
/// now; after going back 50 x 2 s (the same 100 s as 10 x 10 s, noticed sooner).
fn defaults(gate: &str) -> GatePolicy {
    let mut policy = GatePolicy::default();
    match gate {
        "pre" => {
            policy.attempts = 3;
            policy.interval = Duration::from_secs(2);
            policy.rise = 1;
        }
        "smoke" => {
            policy.attempts = 1;
            policy.rise = 1;
            policy.fall = 1;
        }
        "undo" => {
            policy.attempts = 50;
            policy.interval = Duration::from_secs(2);
        }
        _ => {}
    }
    policy
}
