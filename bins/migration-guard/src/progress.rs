//! What people see on stderr while migrations run.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ripcord_migration_guard::{
    Error, ErrorKind, LeftBehind, Peer, RunEvent, Step, StepObserver, WayBack,
};

use crate::output::printable;
use crate::signals::Signals;
use crate::ways_back::WaysBack;

/// On a terminal one line is written over again and again; elsewhere a line is written when
/// something is new, and at most this often otherwise.
const EVERY: Duration = Duration::from_secs(10);

/// A line that is written over must not be wider than the terminal.
const WIDTH: usize = 100;

#[derive(Debug)]
pub(crate) struct Progress {
    signals: Signals,
    ways: Option<WaysBack>,
    shown: Mutex<Shown>,
    left: Mutex<Vec<(String, LeftBehind)>>,
}

#[derive(Debug)]
struct Shown {
    terminal: bool,
    /// Whether the last line is to be written over.
    live: bool,
    last: Option<(String, Instant)>,
}

impl Progress {
    pub(crate) fn new(signals: Signals, ways: Option<WaysBack>) -> Self {
        Self {
            signals,
            ways,
            shown: Mutex::new(Shown {
                terminal: std::io::stderr().is_terminal(),
                live: false,
                last: None,
            }),
            left: Mutex::default(),
        }
    }

    /// What runs that failed left, with their versions.
    pub(crate) fn left(&self) -> Vec<(String, LeftBehind)> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.clone()
    }

    /// Ends the line that is written over.
    pub(crate) fn end(&self) {
        self.shown().clear();
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn clear(&mut self) {
        if std::mem::take(&mut self.live) {
            // A courtesy, as all of it: a closed stderr stops nothing.
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K");
        }
    }

    fn line(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(std::io::stderr().lock(), "{}", printable(text));
    }

    /// Something that changes all the time; `topic` stays the same while nothing is new.
    fn live(&mut self, topic: &str, text: &str) {
        if self.terminal {
            let cut: String = text.chars().take(WIDTH).collect();
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[2K{cut}");
            let _ = stderr.flush();
            self.live = true;
            return;
        }
        let due = match &self.last {
            Some((last, when)) => last != topic || when.elapsed() >= EVERY,
            None => true,
        };
        if due {
            self.last = Some((topic.to_owned(), Instant::now()));
            self.line(text);
        }
    }
}

#[async_trait]
impl StepObserver for Progress {
    async fn before(&self, step: &Step) -> Result<(), Error> {
        let (at, total) = (step.index + 1, step.total);
        let line = format!("{} {at}/{total}: {}", step.version, step.summary);
        self.shown().line(&line);
        Ok(())
    }

    async fn after(&self, _: &Step) -> Result<(), Error> {
        self.end();
        Ok(())
    }

    async fn way_back(&self, way: &WayBack) -> Result<(), Error> {
        let Some(ways) = &self.ways else {
            return Ok(());
        };
        ways.keep(way).map_err(|error| {
            Error::new(ErrorKind::Stopped, "keep the way back of", &way.version)
                .because(format!("{error:#}"))
        })
    }

    async fn event(&self, event: &RunEvent) {
        let mut shown = self.shown();
        match event {
            RunEvent::Retrying {
                version,
                attempt,
                attempts,
                pause,
                why,
            } => {
                let pause = pause.as_secs_f64();
                shown.line(&format!(
                    "{version} attempt {attempt} of {attempts} in {pause:.1} s: {why}"
                ));
            }
            RunEvent::Progress(progress) => {
                let topic = format!("{} {}", progress.index, progress.phase);
                shown.live(&topic, &format!("{} {progress}", progress.version));
            }
            RunEvent::Blocked { version, by } => {
                let text = format!("{version} waits for {}", names(by));
                shown.live(&pids("blocked", by), &text);
            }
            RunEvent::Queue { version, waiting } => {
                let text = format!("{version} is waited for by {}", names(waiting));
                shown.live(&pids("queue", waiting), &text);
            }
            RunEvent::Unwatched { version, why } => {
                shown.line(&format!(
                    "{version} neither progress nor a queue is seen: {why}"
                ));
            }
            RunEvent::Left { version, left } => {
                let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend(left.iter().map(|it| (version.clone(), it.clone())));
            }
            _ => {}
        }
    }

    async fn stop(&self) {
        self.signals.first().await;
    }
}

fn names(peers: &[Peer]) -> String {
    let peers: Vec<String> = peers.iter().take(3).map(Peer::to_string).collect();
    peers.join(", ")
}

fn pids(topic: &str, peers: &[Peer]) -> String {
    let pids: Vec<String> = peers.iter().map(|peer| peer.pid.to_string()).collect();
    format!("{topic} {}", pids.join(" "))
}
