//! Who is told.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use ripcord_notify::channels::{Console, HttpClient as NotifyClient, Slack, Webhook};
use ripcord_notify::{Destination, Dispatcher, Notifier, RetryPolicy};

use super::Wiring;
use crate::config::NotifyKind;

impl Wiring {
    /// The destinations of messages, by name.
    ///
    /// # Errors
    /// When a URL does not parse.
    pub fn destinations(&self) -> Result<Vec<(String, Destination)>> {
        let client = NotifyClient::new().context("cannot set up the HTTP client")?;
        self.config
            .notify
            .iter()
            .map(|n| {
                let notifier: Arc<dyn Notifier> = match &n.kind {
                    NotifyKind::Slack { url } => Arc::new(Slack::new(&n.name, url, &client)?),
                    NotifyKind::Webhook { url, secret } => {
                        let webhook = Webhook::new(&n.name, url, &client)?;
                        match secret {
                            Some(secret) => Arc::new(webhook.with_secret(secret.clone())),
                            None => Arc::new(webhook),
                        }
                    }
                    NotifyKind::Console => {
                        Arc::new(Console::new(&n.name, Box::new(std::io::stderr())))
                    }
                };
                Ok((n.name.clone(), Destination::new(notifier, n.from)))
            })
            .collect()
    }

    /// A dispatcher over all destinations, or `None` when there are none.
    ///
    /// # Errors
    /// As [`destinations`](Self::destinations).
    pub fn dispatcher(&self) -> Result<Option<Arc<Dispatcher>>> {
        let destinations: Vec<Destination> =
            self.destinations()?.into_iter().map(|(_, d)| d).collect();
        Ok((!destinations.is_empty())
            .then(|| Arc::new(Dispatcher::new(destinations, RetryPolicy::default()))))
    }
}
