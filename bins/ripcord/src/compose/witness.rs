use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use ripcord_health_probe::HealthCheck;
use ripcord_rollback::{Running, Witness};

/// Knows which release runs because the service's own answers say so.
#[derive(Debug)]
pub struct ReleaseWitness {
    checks: Vec<Arc<dyn HealthCheck>>,
}

impl ReleaseWitness {
    /// Asks these checks, which are the ones whose answer names a release.
    #[must_use]
    pub const fn new(checks: Vec<Arc<dyn HealthCheck>>) -> Self {
        Self { checks }
    }
}

#[async_trait]
impl Witness for ReleaseWitness {
    async fn running(&self) -> Running {
        if self.checks.is_empty() {
            return Running::Unknown {
                reason: "no check says which release answers".into(),
            };
        }
        let answers = join_all(self.checks.iter().map(|check| check.check())).await;
        let mut seen: Vec<&str> = answers
            .iter()
            .filter_map(|a| a.release.as_deref())
            .collect();
        seen.sort_unstable();
        seen.dedup();
        match seen.as_slice() {
            [release] if answers.iter().all(|a| a.release.is_some()) => Running::Proved {
                release: (*release).to_owned(),
            },
            [] => Running::Unknown {
                reason: answers.first().map_or_else(String::new, |a| {
                    format!("{}: {}", a.name, a.reason.as_str())
                }),
            },
            several => Running::Unknown {
                reason: format!(
                    "the instances disagree or are silent: {}",
                    several.join(", ")
                ),
            },
        }
    }
}
