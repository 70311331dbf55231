//! From the command line to a dispatcher; the only file that names concrete channels.

use std::sync::Arc;

use jiff::Timestamp;
use ripcord_notify::channels::{Console, HttpClient, Slack, Webhook};
use ripcord_notify::{
    DeliveryReport, Destination, Dispatcher, Message, Notifier, RetryPolicy, Secret, Severity,
};

use crate::cli::{Level, Send};

pub(crate) fn dispatcher(send: &Send) -> anyhow::Result<Dispatcher> {
    let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
    if let Some(variable) = &send.slack_url_env {
        let url = env(variable)?;
        let client = HttpClient::new().map_err(failed)?;
        notifiers.push(Arc::new(
            Slack::new("slack", &url, &client).map_err(failed)?,
        ));
    }
    if let Some(variable) = &send.webhook_url_env {
        let client = HttpClient::new().map_err(failed)?;
        let mut webhook = Webhook::new("webhook", &env(variable)?, &client).map_err(failed)?;
        if let Some(variable) = &send.webhook_secret_env {
            webhook = webhook.with_secret(env(variable)?);
        }
        notifiers.push(Arc::new(webhook));
    }
    if send.console {
        notifiers.push(Arc::new(Console::new(
            "console",
            Box::new(std::io::stderr()),
        )));
    }
    let destinations = notifiers
        .into_iter()
        .map(|n| Destination::new(n, Severity::Info))
        .collect();
    Ok(Dispatcher::new(destinations, RetryPolicy::default()))
}

pub(crate) fn message(send: &Send) -> Message {
    let now = Timestamp::now();
    let mut message = Message::new("notify", 1, &send.title, now)
        .with_text(&send.text)
        .with_severity(match send.severity {
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Critical => Severity::Critical,
        });
    message.id = send
        .id
        .clone()
        .unwrap_or_else(|| format!("notify-{}", now.as_nanosecond()));
    message.facts.clone_from(&send.fact);
    message
}

/// `{"schema":1,"delivered":[..],"undelivered":[..]}`
pub(crate) fn json(report: &DeliveryReport) -> serde_json::Value {
    serde_json::json!({
        "schema": 1,
        "delivered": report.delivered,
        "undelivered": report.undelivered,
    })
}

/// The libraries' messages fit after "failed to".
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("failed to {error}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a binary reads its environment, here and nowhere else"
)]
fn env(variable: &str) -> anyhow::Result<Secret> {
    std::env::var(variable)
        .map(Secret::new)
        .map_err(|_| anyhow::anyhow!("environment variable {variable} is not set"))
}
