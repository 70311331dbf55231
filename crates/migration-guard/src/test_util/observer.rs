use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Error, ErrorKind, Step, StepObserver};

/// What a [`RecordingObserver`] was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A statement was about to run.
    Before(Step),
    /// A statement had run.
    After(Step),
}

/// Writes down what it is told, and stops the run where it is asked to.
#[derive(Debug, Default)]
pub struct RecordingObserver {
    events: Mutex<Vec<Event>>,
    stop_before: Option<usize>,
    stop_after: Option<usize>,
}

impl RecordingObserver {
    /// Stops nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses the statement at `index`.
    #[must_use]
    pub fn stop_before(mut self, index: usize) -> Self {
        self.stop_before = Some(index);
        self
    }

    /// Stops the run after the statement at `index`.
    #[must_use]
    pub fn stop_after(mut self, index: usize) -> Self {
        self.stop_after = Some(index);
        self
    }

    /// All it was told, in order.
    pub fn events(&self) -> Vec<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, event: Event, stop: Option<usize>, index: usize) -> Result<(), Error> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
        if stop == Some(index) {
            return Err(Error::new(
                ErrorKind::Stopped,
                "go on past statement",
                index.to_string(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl StepObserver for RecordingObserver {
    async fn before(&self, step: &Step) -> Result<(), Error> {
        self.note(Event::Before(step.clone()), self.stop_before, step.index)
    }

    async fn after(&self, step: &Step) -> Result<(), Error> {
        self.note(Event::After(step.clone()), self.stop_after, step.index)
    }
}
