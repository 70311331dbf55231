use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::Signal;

use super::ServiceManager;
use crate::process::{self, Launch, Marked};
use crate::run::Run;
use crate::{Error, ErrorKind, Release};

/// Which service a process belongs to, in its environment: `<service>/<environment>`.
const SERVICE_VAR: &str = "RIPCORD_SERVICE";
/// Which release a process was started from, in its environment.
const RELEASE_VAR: &str = "RIPCORD_RELEASE";

/// A service that a start command puts in the background and a stop command ends.
///
/// Every process started this way carries `RIPCORD_SERVICE` and `RIPCORD_RELEASE` in its environment, and so do its
/// children however they are daemonised. That is how "nothing runs any more" and "the process is gone" are known
/// without a pid file.
#[derive(Debug)]
pub struct CommandManager {
    service: String,
    start: Vec<String>,
    stop: Vec<String>,
    state: PathBuf,
    options: CommandOptions,
    seen: Mutex<Seen>,
}

/// Settings of a [`CommandManager`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CommandOptions {
    /// How long one start or stop command may take until it returns, writers' too. Default 60 s.
    pub start_timeout: Duration,
    /// How long the processes may take to end after the stop command returned, before they are killed. Default 30 s.
    pub stop_timeout: Duration,
    /// How many times the release's own process may vanish and come back before that proves a crash loop.
    /// Default 3; 0 switches the proof off.
    pub restarts: u32,
    /// Whose children the service's processes are. Default [`Processes::Own`].
    pub processes: Processes,
    /// Other services that write to the same data and are stopped and started with this one.
    pub writers: Vec<Writer>,
}

/// Whose children the processes of a service are after the start command returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processes {
    /// Descendants of the start command: none left means that the service is gone.
    Own,
    /// The start command only asked a supervisor, so that having none proves nothing.
    Elsewhere,
}

impl Default for CommandOptions {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(30),
            restarts: 3,
            processes: Processes::Own,
            writers: Vec::new(),
        }
    }
}

/// Another service that writes to the same data: a worker, a scheduler.
#[derive(Clone, Debug)]
pub struct Writer {
    /// For messages.
    pub name: String,
    /// Start command, run in the release's folder after the service was started.
    pub start: Vec<String>,
    /// Stop command, run before the service is stopped.
    pub stop: Vec<String>,
}

#[derive(Debug, Default)]
struct Seen {
    release: String,
    ever: bool,
    missing: u32,
    living: BTreeMap<(i32, u64), Vec<String>>,
    vanished: BTreeMap<Vec<String>, u32>,
}

impl CommandManager {
    /// A service named `service` (`<service>/<environment>`), with its start and stop commands (program and
    /// arguments, run in the release's folder) and a folder for the output of the last start.
    #[must_use]
    pub fn new(
        service: impl Into<String>,
        start: Vec<String>,
        stop: Vec<String>,
        state: PathBuf,
        options: CommandOptions,
    ) -> Self {
        Self {
            service: service.into(),
            start,
            stop,
            state,
            options,
            seen: Mutex::new(Seen::default()),
        }
    }

    fn processes(&self) -> Vec<Marked> {
        process::marked(SERVICE_VAR, &self.service)
    }

    fn launch<'a>(
        &self,
        argv: &'a [String],
        folder: &'a Path,
        env: Vec<(String, String)>,
        output: &'a Path,
    ) -> Launch<'a> {
        Launch {
            argv,
            folder,
            env,
            output,
            timeout: self.options.start_timeout,
        }
    }

    fn output(&self, name: &str) -> Result<PathBuf, Error> {
        std::fs::create_dir_all(&self.state).map_err(|e| {
            Error::new("create", self.state.display().to_string(), ErrorKind::Io).with_source(e)
        })?;
        Ok(self.state.join(format!("{name}.log")))
    }

    fn look(&self, release: &Release, folder: &Path) -> Option<String> {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mine: Vec<Marked> = self
            .processes()
            .into_iter()
            .filter(|p| p.vars.get(RELEASE_VAR) == Some(&release.id))
            .collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.release != release.id {
            *seen = Seen {
                release: release.id.clone(),
                ..Seen::default()
            };
        }
        seen.missing = if mine.is_empty() { seen.missing + 1 } else { 0 };
        seen.ever |= !mine.is_empty();
        let own: BTreeMap<(i32, u64), Vec<String>> = mine
            .iter()
            .filter(|p| process::runs_from(p, &folder))
            .map(|p| ((p.pid, p.started), p.argv.clone()))
            .collect();
        // A worker that is recycled beside its siblings, or a helper that ends, is no restart of the service: every
        // process of these arguments has to be gone, and another one in its place.
        let arguments: BTreeSet<Vec<String>> = seen.living.values().cloned().collect();
        for argv in arguments {
            let before = seen.living.iter().filter(|(_, a)| **a == argv);
            let survives = before.clone().any(|(id, _)| own.contains_key(id));
            let replaced = own.values().any(|a| *a == argv);
            if !survives && replaced {
                *seen.vanished.entry(argv).or_default() += 1;
            }
        }
        seen.living = own;
        let limit = self.options.restarts;
        let loops = seen.vanished.values().max().copied().unwrap_or_default();
        if seen.ever && seen.missing >= 2 {
            return Some(format!("the process of {} is gone", release.label));
        }
        (limit > 0 && loops >= limit).then(|| {
            format!(
                "the process of {} ended and was started again {loops} times",
                release.label
            )
        })
    }
}

#[async_trait]
impl ServiceManager for CommandManager {
    async fn check(&self, folder: &Path) -> Result<(), Error> {
        let output = self.output("start")?;
        let parent = output.parent().unwrap_or(&self.state);
        if rustix::fs::access(parent, rustix::fs::Access::WRITE_OK).is_err() {
            return Err(
                Error::new("write to", parent.display().to_string(), ErrorKind::Io)
                    .because("the output of start and stop commands goes there"),
            );
        }
        let writers = self
            .options
            .writers
            .iter()
            .flat_map(|w| [&w.start, &w.stop]);
        for argv in [&self.start, &self.stop].into_iter().chain(writers) {
            // A bare name is looked up in PATH when it runs; a path is ours to check.
            let Some(program) = argv.first().filter(|p| p.contains('/')) else {
                continue;
            };
            let path = folder.join(program);
            let wrong =
                |kind, why: &str| Error::new("use", path.display().to_string(), kind).because(why);
            if !path.is_file() {
                return Err(wrong(
                    ErrorKind::NotFound,
                    "the release needs it to start or stop",
                ));
            }
            if rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_err() {
                return Err(wrong(ErrorKind::Invalid, "it is not executable"));
            }
        }
        Ok(())
    }

    async fn start(&self, release: &Release, folder: &Path, run: &Run) -> Result<(), Error> {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            // Started and gone before the first look is gone, too.
            *seen = Seen {
                release: release.id.clone(),
                ever: self.options.processes == Processes::Own,
                ..Seen::default()
            };
        }
        let env = vec![
            (SERVICE_VAR.to_owned(), self.service.clone()),
            (RELEASE_VAR.to_owned(), release.id.clone()),
        ];
        let output = self.output("start")?;
        process::launch(self.launch(&self.start, folder, env.clone(), &output), run).await?;
        for writer in &self.options.writers {
            let output = self.output(&format!("start-{}", writer.name))?;
            process::launch(
                self.launch(&writer.start, folder, env.clone(), &output),
                run,
            )
            .await?;
        }
        Ok(())
    }

    async fn stop(&self, folder: &Path, run: &Run) -> Result<(), Error> {
        let mut failed = None;
        if folder.exists() {
            let writers = self
                .options
                .writers
                .iter()
                .map(|w| (format!("stop-{}", w.name), &w.stop));
            for (name, argv) in writers.chain([("stop".to_owned(), &self.stop)]) {
                let output = self.state.join(format!("{name}.log"));
                let done =
                    process::launch(self.launch(argv, folder, Vec::new(), &output), run).await;
                match done {
                    Err(e) if e.kind() == ErrorKind::Fenced => return Err(e),
                    Err(e) => failed = Some(e),
                    Ok(()) => {}
                }
            }
        }
        // A stop command that fails, on a service that has crashed for instance, must not stand in the way: what
        // counts is that nothing is left.
        match (failed, self.options.processes) {
            (Some(e), Processes::Elsewhere) => return Err(e),
            (Some(e), Processes::Own) => tracing::warn!(error = %e, "a stop command failed"),
            (None, _) => {}
        }
        if process::wait_until(self.options.stop_timeout, || self.processes().is_empty()).await {
            return Ok(());
        }
        for p in &self.processes() {
            process::signal(p.pid, p.started, Signal::KILL);
        }
        if process::wait_until(self.options.stop_timeout, || self.processes().is_empty()).await {
            return Ok(());
        }
        let pids: BTreeSet<i32> = self.processes().iter().map(|p| p.pid).collect();
        Err(Error::new("stop", &self.service, ErrorKind::State)
            .because(format!("still running: {pids:?}")))
    }

    async fn is_alive(&self, release: &Release) -> bool {
        self.processes()
            .iter()
            .any(|p| p.vars.get(RELEASE_VAR) == Some(&release.id))
    }

    async fn hopeless(&self, release: &Release, folder: &Path) -> Option<String> {
        self.look(release, folder)
    }
}
