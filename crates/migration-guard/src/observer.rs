use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, RunEvent, WayBack};

/// Is told about each statement before and after it runs, for example to journal it.
///
/// An `Err` stops the run: before a statement, it is not sent; inside a transaction everything
/// is rolled back.
#[async_trait]
pub trait StepObserver: Debug + Send + Sync {
    /// A statement is about to be sent.
    ///
    /// # Errors
    /// Whatever the observer finds reason enough to stop.
    async fn before(&self, step: &Step) -> Result<(), Error>;

    /// A statement was acknowledged by the server. Inside a transaction it is not durable yet.
    ///
    /// # Errors
    /// Whatever the observer finds reason enough to stop.
    async fn after(&self, step: &Step) -> Result<(), Error>;

    /// The way back of the version that is about to be applied, before its first statement: to be
    /// kept where it outlives the release that holds the file. Not called where there is none.
    ///
    /// # Errors
    /// Whatever the observer finds reason enough not to begin.
    async fn way_back(&self, _way: &WayBack) -> Result<(), Error> {
        Ok(())
    }

    /// Something to tell people. May be dropped half-way, when the statement ends meanwhile.
    async fn event(&self, _event: &RunEvent) {}

    /// Ends when the run is to stop: the running statement is cancelled, its transaction rolled
    /// back, and [`Stopped`](crate::ErrorKind::Stopped) is the error. Once it has ended, every
    /// later call must end at once.
    async fn stop(&self) {
        std::future::pending().await
    }
}

/// One statement of a migration that is being run.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The migration's version.
    pub version: String,
    /// Forward or back.
    pub direction: Direction,
    /// Position among the file's statements, from 0.
    pub index: usize,
    /// How many statements the file has.
    pub total: usize,
    /// The statement on one line, shortened to at most 120 characters.
    pub summary: String,
    /// Whether it runs inside the migration's transaction.
    pub transaction: crate::Transactional,
}

/// Forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Direction {
    /// Apply.
    Up,
    /// Revert.
    Down,
}

/// Observes nothing and never stops a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

#[async_trait]
impl StepObserver for Unobserved {
    async fn before(&self, _: &Step) -> Result<(), Error> {
        Ok(())
    }

    async fn after(&self, _: &Step) -> Result<(), Error> {
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: StepObserver + ?Sized> StepObserver for Arc<T> {
    async fn before(&self, step: &Step) -> Result<(), Error> {
        (**self).before(step).await
    }

    async fn after(&self, step: &Step) -> Result<(), Error> {
        (**self).after(step).await
    }

    async fn way_back(&self, way: &WayBack) -> Result<(), Error> {
        (**self).way_back(way).await
    }

    async fn event(&self, event: &RunEvent) {
        (**self).event(event).await
    }

    async fn stop(&self) {
        (**self).stop().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: StepObserver + ?Sized> StepObserver for Box<T> {
    async fn before(&self, step: &Step) -> Result<(), Error> {
        (**self).before(step).await
    }

    async fn after(&self, step: &Step) -> Result<(), Error> {
        (**self).after(step).await
    }

    async fn way_back(&self, way: &WayBack) -> Result<(), Error> {
        (**self).way_back(way).await
    }

    async fn event(&self, event: &RunEvent) {
        (**self).event(event).await
    }

    async fn stop(&self) {
        (**self).stop().await
    }
}
