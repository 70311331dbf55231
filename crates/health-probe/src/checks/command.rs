//! A program of your own: smoke tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::secret::clean;
use crate::{CheckResult, Error, ErrorKind, HealthCheck, Reason, Secret};

/// How much of each output stream is kept, its end.
const KEPT: usize = 4096;
/// How long a pipe may stay open after the program ended, before its leftovers are killed.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a program; exit status 0 is a pass.
///
/// The program runs in a process group of its own. When the time is over, or
/// the check is dropped, the whole group is killed. A line `release=<id>` on
/// its standard output says which release it tested.
#[derive(Clone, Debug)]
pub struct CommandCheck {
    name: String,
    argv: Vec<String>,
    config: CommandConfig,
}

/// Settings of a [`CommandCheck`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct CommandConfig {
    /// From start to exit. 60 s by default.
    pub timeout: Duration,
    /// Where it runs; by default where this process runs.
    pub directory: Option<PathBuf>,
    /// Added to the inherited environment. Values are masked in the captured output.
    pub env: BTreeMap<String, Secret>,
}

impl Default for CommandConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            directory: None,
            env: BTreeMap::new(),
        }
    }
}

impl CommandCheck {
    /// `argv` is the program and its arguments; no shell is involved.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] when `argv` is empty.
    pub fn new(
        name: impl Into<String>,
        argv: Vec<String>,
        config: CommandConfig,
    ) -> Result<Self, Error> {
        let name = name.into();
        if argv.first().is_none_or(String::is_empty) {
            return Err(Error::new(
                format!("command check `{name}`"),
                "there is no program to run",
                ErrorKind::Setting,
            ));
        }
        Ok(Self { name, argv, config })
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.argv[0]);
        command
            .args(&self.argv[1..])
            .envs(self.config.env.iter().map(|(k, v)| (k, v.reveal())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(directory) = &self.config.directory {
            command.current_dir(directory);
        }
        command.spawn()
    }

    async fn run(&self, deadline: Instant) -> CheckResult {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(e) => {
                return CheckResult::source_broken(
                    &self.name,
                    Reason::Unknown,
                    format!("cannot start the program: {}", e.kind()),
                );
            }
        };
        let mut group = Group::of(&child);
        let (mut out, mut err) = (Tail::default(), Tail::default());
        let pipes = (child.stdout.take(), child.stderr.take());
        let ended = {
            let mut reading = Box::pin(async {
                tokio::join!(out.drain(pipes.0), err.drain(pipes.1));
            });
            let mut read = false;
            let waited = loop {
                tokio::select! {
                    status = timeout_at(deadline, child.wait()) => break status,
                    () = &mut reading, if !read => read = true,
                }
            };
            // Whoever still holds a pipe after the grace is a leftover of the program.
            if waited.is_ok() && (read || timeout(GRACE, &mut reading).await.is_ok()) {
                group.release();
            }
            waited
        };
        drop(group);
        let result = match ended {
            Err(_) => CheckResult::fail(
                &self.name,
                Reason::Timeout,
                format!("not finished within {:?}", self.config.timeout),
            ),
            Ok(Err(e)) => CheckResult::source_broken(
                &self.name,
                Reason::Unknown,
                format!("cannot await the program: {}", e.kind()),
            ),
            Ok(Ok(status)) => self.judge(status, &out, &err),
        };
        match out.release {
            Some(release) => result.with_release(release),
            None => result,
        }
    }

    fn judge(&self, status: ExitStatus, out: &Tail, err: &Tail) -> CheckResult {
        let result = if status.success() {
            CheckResult::pass(&self.name)
        } else {
            let mut detail = format!("{status}");
            for (stream, tail) in [("stderr", err), ("stdout", out)] {
                let text = self.masked(&tail.text());
                if !text.is_empty() {
                    detail.push_str(&format!("; {stream}: {text}"));
                }
            }
            CheckResult::fail(&self.name, Reason::ExitStatus, detail)
        };
        match status.code() {
            Some(code) => result.with_observed("exit_status", f64::from(code), "", Some(0.0)),
            None => result,
        }
    }

    /// A program that prints its environment must not carry our credentials into a report.
    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.config.env.values().map(Secret::reveal) {
            if secret.len() >= 4 {
                text = text.replace(secret, "***");
            }
        }
        clean(&text, KEPT)
    }
}

#[async_trait]
impl HealthCheck for CommandCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let started = Instant::now();
        let result = self.run(started + self.config.timeout).await;
        result.with_took(started.elapsed())
    }
}

/// Kills the program and everything it started, unless released.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    /// The group has ended by itself; its number may belong to others soon.
    fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Already gone is as good as killed.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The end of a stream, and the release named on the way.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    cut: bool,
    line: Vec<u8>,
    release: Option<String>,
}

impl Tail {
    async fn drain(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            self.push(&buffer[..read]);
        }
        self.end_of_line();
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let excess = self.bytes.len().saturating_sub(KEPT);
        self.bytes.drain(..excess);
        self.cut |= excess > 0;
        for &byte in bytes {
            match byte {
                b'\n' => self.end_of_line(),
                // A line longer than any release is not one.
                _ if self.line.len() <= 256 => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_of_line(&mut self) {
        if self.release.is_none() && self.line.len() <= 256 {
            self.release = std::str::from_utf8(&self.line)
                .ok()
                .and_then(|l| l.trim().strip_prefix("release="))
                .filter(|r| !r.is_empty())
                .map(str::to_owned);
        }
        self.line.clear();
    }

    fn text(&self) -> String {
        let mut kept = self.bytes.as_slice();
        if self.cut {
            // Half a word may be half a secret, which nobody recognises as one any more.
            let word = kept.iter().position(u8::is_ascii_whitespace);
            kept = &kept[word.unwrap_or(kept.len())..];
        }
        String::from_utf8_lossy(kept).into_owned()
    }
}
