//! How do I add a channel of my own beside Slack?
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ripcord_notify::channels::{HttpClient, Slack};
use ripcord_notify::{
    Capabilities, Destination, Dispatcher, Error, Message, Notifier, Receipt, Resend, RetryPolicy,
    Secret, Severity,
};

/// A pager that beeps on this terminal.
#[derive(Debug)]
struct Beeper;

#[async_trait]
impl Notifier for Beeper {
    fn name(&self) -> &'static str {
        "beeper"
    }

    fn capabilities(&self) -> Capabilities {
        // Beeping twice for one message does no harm.
        Capabilities::new(Resend::Safe)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        println!("beep! {} [{}]", message.title, message.severity.as_str());
        Ok(Receipt::new(None))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A webhook that nobody answers: it neither fails nor delays anything, and does not go unseen.
    let url = Secret::new("http://127.0.0.1:9/services/nobody");
    let slack = Slack::new("team", &url, &HttpClient::new()?)?;
    let dispatcher = Dispatcher::new(
        vec![
            Destination::new(Arc::new(Beeper), Severity::Warning),
            Destination::new(Arc::new(slack), Severity::Info),
        ],
        RetryPolicy::default(),
    );
    dispatcher.post(Message::new(
        "deploy-7",
        1,
        "deploying v2",
        Timestamp::now(),
    ));
    dispatcher.post(
        Message::new("deploy-7", 2, "v2 was taken back", Timestamp::now())
            .with_severity(Severity::Warning),
    );

    let report = dispatcher.finish(Duration::from_secs(1)).await;
    for message in &report.delivered {
        println!("delivered to {}", message.destination);
    }
    for message in &report.undelivered {
        println!(
            "not delivered to {}: {}",
            message.destination, message.reason
        );
    }
    anyhow::ensure!(
        report.delivered.len() == 1,
        "the warning beeped, the info was below its threshold"
    );
    Ok(())
}
