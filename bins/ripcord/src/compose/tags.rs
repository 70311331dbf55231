use std::sync::{Arc, Mutex, PoisonError};

use ripcord_rollback::{Record, Tag};

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
