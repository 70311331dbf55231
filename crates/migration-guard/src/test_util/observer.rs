use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use crate::{Error, ErrorKind, RunEvent, Step, StepObserver, WayBack};

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
    told: Mutex<Vec<RunEvent>>,
    ways_back: Mutex<Vec<WayBack>>,
    asked: Mutex<Asked>,
    stop_before: Option<usize>,
    stop_after: Option<usize>,
}

#[derive(Debug, Default)]
struct Asked {
    stop: bool,
    wakers: Vec<Waker>,
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

    /// What it was told beside the statements, in order.
    pub fn told(&self) -> Vec<RunEvent> {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The ways back it was handed, in order.
    pub fn ways_back(&self) -> Vec<WayBack> {
        self.ways_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks the run to stop now, in the middle of a statement if need be.
    pub fn stop(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.stop = true;
        for waker in asked.wakers.drain(..) {
            waker.wake();
        }
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

    async fn way_back(&self, way: &WayBack) -> Result<(), Error> {
        let mut ways = self
            .ways_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ways.push(way.clone());
        Ok(())
    }

    async fn event(&self, event: &RunEvent) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(event.clone());
    }

    async fn stop(&self) {
        std::future::poll_fn(|context| {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.stop {
                return Poll::Ready(());
            }
            asked.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
