//! How the processes of a release are started and stopped on one host.

mod command;

use std::fmt::Debug;
use std::path::Path;

use async_trait::async_trait;

pub use command::{CommandManager, CommandOptions, Processes, Writer};

use crate::run::Run;
use crate::{Error, Release};

/// Starts and stops a service whose files a backend has put in place.
///
/// `start` and `stop` are idempotent by state and bound their own time.
#[async_trait]
pub trait ServiceManager: Debug + Send + Sync {
    /// Whether the release in `folder` has what [`start`](Self::start) and [`stop`](Self::stop) need, as far as that
    /// can be seen without running anything.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`Invalid`](crate::ErrorKind::Invalid).
    async fn check(&self, folder: &Path) -> Result<(), Error>;

    /// Makes it so that the release in `folder` runs: the service and everything that writes with it.
    ///
    /// # Errors
    /// [`Command`](crate::ErrorKind::Command).
    async fn start(&self, release: &Release, folder: &Path, run: &Run) -> Result<(), Error>;

    /// Makes it so that nothing of the service runs.
    ///
    /// # Errors
    /// [`Command`](crate::ErrorKind::Command), or [`State`](crate::ErrorKind::State) when something is left.
    async fn stop(&self, folder: &Path, run: &Run) -> Result<(), Error>;

    /// Whether a process of `release` is known to be alive. `false` is "none is known", not "none is there".
    async fn is_alive(&self, release: &Release) -> bool;

    /// Evidence that waiting for `release` is pointless.
    async fn hopeless(&self, release: &Release, folder: &Path) -> Option<String>;
}
