use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ripcord_health_probe::checks::{CommandCheck, CommandConfig};
use ripcord_health_probe::{CheckResult, Error, HealthCheck, Reason};
use ripcord_rollback::{Record, Tag, process};

/// The tag of the run in progress, for tools that are started outside the engine's acts (checks, smoke tests).
#[derive(Clone, Debug, Default)]
pub struct RunTags(Arc<Mutex<Option<Tag>>>);

impl RunTags {
    /// Takes the tag from a record of the journal.
    pub fn saw(&self, record: &Record) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tag {
            deployment: record.deployment.clone(),
            epoch: record.epoch,
        });
    }

    /// The tag, if a run is in progress.
    #[must_use]
    pub fn current(&self) -> Option<Tag> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A command check whose process carries the tag of the run it is asked in, so that a later run finds and ends it.
#[derive(Debug)]
pub struct TaggedCommand {
    name: String,
    argv: Vec<String>,
    config: CommandConfig,
    tags: RunTags,
}

impl TaggedCommand {
    /// As [`CommandCheck::new`], with the tags to look at.
    ///
    /// # Errors
    /// As [`CommandCheck::new`].
    pub fn new(
        name: String,
        argv: Vec<String>,
        config: CommandConfig,
        tags: RunTags,
    ) -> Result<Self, Error> {
        CommandCheck::new(&name, argv.clone(), config.clone())?;
        Ok(Self {
            name,
            argv,
            config,
            tags,
        })
    }
}

#[async_trait]
impl HealthCheck for TaggedCommand {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let mut config = self.config.clone();
        if let Some(tag) = self.tags.current() {
            config
                .env
                .insert(process::RUN_VAR.into(), tag.to_string().into());
        }
        match CommandCheck::new(&self.name, self.argv.clone(), config) {
            Ok(check) => check.check().await,
            Err(e) => CheckResult::source_broken(&self.name, Reason::Unknown, e.to_string()),
        }
    }
}
