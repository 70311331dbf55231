use anyhow::{Result, bail};
use jiff::Timestamp;
use ripcord_notify::{Destination, Dispatcher, Message, RetryPolicy, Severity, State};
use serde_json::json;

use super::DELIVERY_BUDGET;
use crate::cli::NotifyCommand;
use crate::exit::Exit;
use crate::wiring::{Wiring, owner};

pub(super) async fn run(wiring: &Wiring, command: NotifyCommand, json: bool) -> Result<Exit> {
    let NotifyCommand::Test { name, dry_run } = command;
    let chosen: Vec<(String, Destination)> = wiring
        .destinations()?
        .into_iter()
        .filter(|(known, _)| name.as_ref().is_none_or(|name| name == known))
        .collect();
    if chosen.is_empty() {
        match &name {
            Some(name) => bail!("there is no [[notify]] named {name:?}"),
            None => bail!("there is no [[notify]] in the configuration"),
        }
    }
    let names: Vec<String> = chosen.iter().map(|(n, _)| n.clone()).collect();
    let message = message(wiring);
    if dry_run {
        if json {
            wiring
                .output
                .json(json!({"schema": 1, "would_send": message.title, "to": names}));
        } else {
            wiring.output.result(&format!(
                "would send {:?} to {}",
                message.title,
                names.join(", ")
            ));
        }
        return Ok(Exit::Ok);
    }
    let dispatcher = Dispatcher::new(
        chosen.into_iter().map(|(_, d)| d).collect(),
        RetryPolicy::default(),
    );
    dispatcher.post(message);
    let report = dispatcher.finish(DELIVERY_BUDGET * 2).await;
    if json {
        wiring.output.json(json!({
            "schema": 1,
            "delivered": report.delivered.iter().map(|d| &d.destination).collect::<Vec<_>>(),
            "undelivered": report.undelivered.iter().map(|u| json!({
                "destination": u.destination,
                "title": u.title,
                "reason": u.reason,
                "maybe_delivered": u.maybe_delivered,
            })).collect::<Vec<_>>(),
        }));
    } else {
        for d in &report.delivered {
            wiring
                .output
                .result(&format!("{}: delivered", d.destination));
        }
        for u in &report.undelivered {
            wiring
                .output
                .result(&format!("{}: not delivered: {}", u.destination, u.reason));
        }
    }
    Ok(if report.undelivered.is_empty() {
        Exit::Ok
    } else {
        Exit::Blocked
    })
}

/// A test goes to every destination, whatever its threshold.
fn message(wiring: &Wiring) -> Message {
    let now = Timestamp::now();
    let title = format!(
        "TEST from ripcord: {} in {}",
        wiring.config.service, wiring.config.environment
    );
    Message::new(format!("test-{}", now.as_millisecond()), 1, title, now)
        .with_severity(Severity::Critical)
        .with_state(State::Progress)
        .with_text("This is a test. Nothing happened and nothing has to be done.")
        .with_fact("by", owner().to_string())
}
