//! Processes as `/proc` shows them, and children that do not run before they are written down.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

use crate::run::{Child, Run, Tag};
use crate::{Error, ErrorKind};

/// The identity of this boot; empty where the kernel does not say.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|s| s.trim().to_owned())
        .unwrap_or_default()
}

/// The pid namespace we are in; empty where the kernel does not say.
#[must_use]
pub fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid")
        .map(|link| link.display().to_string())
        .unwrap_or_default()
}

/// Milliseconds since boot, suspended time included.
#[must_use]
pub fn boot_millis() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// A process's start time in clock ticks since boot, or `None` when there is no such process or only its corpse.
#[must_use]
pub fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses; fields are counted from the last one.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Whether the process that started then is still there.
#[must_use]
pub fn is_alive(pid: i32, started: u64) -> bool {
    start_time(pid) == Some(started)
}

/// A process that carries a marker in its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Its id.
    pub pid: i32,
    /// When it started, as [`start_time`] says.
    pub started: u64,
    /// Its process group.
    pub group: i32,
    /// The marked variables it carries.
    pub vars: BTreeMap<String, String>,
    /// Its arguments.
    pub argv: Vec<String>,
    /// Its program, where it may be read.
    pub exe: Option<PathBuf>,
}

/// All living processes whose environment holds `name=value`, other than ourselves. Those that may not be read are
/// left out. Children inherit the marker however they are daemonised, unless they clear their environment.
#[must_use]
pub fn marked(name: &str, value: &str) -> Vec<Marked> {
    scan(|vars| vars.get(name).map(String::as_str) == Some(value))
}

fn scan(wanted: impl Fn(&BTreeMap<String, String>) -> bool) -> Vec<Marked> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != me)
        .filter_map(|pid| read_marked(pid, &wanted))
        .collect()
}

fn read_marked(pid: i32, wanted: &impl Fn(&BTreeMap<String, String>) -> bool) -> Option<Marked> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let vars: BTreeMap<String, String> = environ
        .split(|b| *b == 0)
        .filter(|entry| entry.starts_with(b"RIPCORD_"))
        .filter_map(|entry| {
            let text = String::from_utf8_lossy(entry);
            let (key, val) = text.split_once('=')?;
            Some((key.to_owned(), val.to_owned()))
        })
        .collect();
    if !wanted(&vars) {
        return None;
    }
    let started = start_time(pid)?;
    let group = rustix::process::getpgid(Pid::from_raw(pid))
        .ok()?
        .as_raw_nonzero()
        .get();
    let argv = fs::read(format!("/proc/{pid}/cmdline"))
        .unwrap_or_default()
        .split(|b| *b == 0)
        .filter(|a| !a.is_empty())
        .map(|a| String::from_utf8_lossy(a).into_owned())
        .collect();
    let exe = fs::read_link(format!("/proc/{pid}/exe")).ok();
    Some(Marked {
        pid,
        started,
        group,
        vars,
        argv,
        exe,
    })
}

/// The variable that marks tools of a run: `RIPCORD_RUN=ripcord:<deployment>:<epoch>`. A service must not carry it.
pub const RUN_VAR: &str = "RIPCORD_RUN";

/// Kills and awaits every process that carries [`RUN_VAR`] of one of `deployments` and an epoch older than `epoch`.
/// Returns how many there were.
///
/// # Errors
/// [`State`](ErrorKind::State) when one is still there after `within`.
pub async fn end_tagged(
    deployments: &[String],
    epoch: u64,
    within: Duration,
) -> Result<usize, Error> {
    let older = || -> Vec<Marked> {
        scan(|vars| {
            vars.get(RUN_VAR)
                .and_then(|text| Tag::parse(text))
                .is_some_and(|tag| tag.epoch < epoch && deployments.contains(&tag.deployment))
        })
    };
    let found = older();
    for p in &found {
        signal(p.pid, p.started, Signal::KILL);
    }
    if wait_until(within, || older().is_empty()).await {
        return Ok(found.len());
    }
    let pids: Vec<i32> = older().iter().map(|p| p.pid).collect();
    Err(
        Error::new("end", "children of the older run", ErrorKind::State)
            .because(format!("still there: {pids:?}")),
    )
}

/// Sends a signal to one process if it is still the one that started then.
pub fn signal(pid: i32, started: u64, signal: Signal) {
    if is_alive(pid, started)
        && let Some(pid) = Pid::from_raw(pid)
    {
        // Gone in between is what we want anyway.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Kills a whole process group whose leader was written down, if the leader is still that process, and waits until
/// the leader is gone.
///
/// # Errors
/// [`State`](ErrorKind::State) when it is still there after `within`.
pub async fn end_group(child: Child, within: Duration) -> Result<(), Error> {
    if !is_alive(child.group, child.started) {
        return Ok(());
    }
    if let Some(pid) = Pid::from_raw(child.group) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    wait_until(within, || !is_alive(child.group, child.started))
        .await
        .then_some(())
        .ok_or_else(|| {
            Error::new(
                "end",
                format!("process group {}", child.group),
                ErrorKind::State,
            )
        })
}

/// Polls `condition` every 20 ms until it holds; `false` when it did not within the time.
pub async fn wait_until(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A command to run as a recorded child.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// Program and arguments; no shell.
    pub argv: &'a [String],
    /// Where.
    pub folder: &'a Path,
    /// Variables added to our own environment.
    pub env: Vec<(String, String)>,
    /// Where its output goes; its own children may keep it open.
    pub output: &'a Path,
    /// How long it may take.
    pub timeout: Duration,
}

/// Runs a command in a process group of its own, which is durable in the run's ledger before the command starts.
///
/// The child first waits on a pipe that only we hold: killed before the record is durable, it never runs. Dropping
/// the future kills the group; so does the timeout. What the command left running in the background stays.
///
/// # Errors
/// [`Command`](ErrorKind::Command) when it could not start, did not end in time or exited with other than 0.
pub async fn launch(what: Launch<'_>, run: &Run) -> Result<(), Error> {
    let name = what.argv.first().cloned().unwrap_or_default();
    let fail =
        |e: std::io::Error| Error::new("run", name.clone(), ErrorKind::Command).with_source(e);
    if name.is_empty() {
        return Err(Error::new("run", "an empty command", ErrorKind::Invalid));
    }
    let output = open_output(what.output).map_err(fail)?;
    let errors = output.try_clone().map_err(fail)?;
    // `read` returns false at end of file, which is what a killed parent leaves.
    let mut child = Command::new("/bin/sh")
        .args([
            "-c",
            "IFS= read -r go && exec \"$@\" </dev/null",
            "ripcord-launch",
        ])
        .args(what.argv)
        .current_dir(what.folder)
        // A service outlives the run: it must not look like one of its tools, nor like another service.
        .env_remove(RUN_VAR)
        .env_remove("RIPCORD_SERVICE")
        .env_remove("RIPCORD_RELEASE")
        .envs(what.env)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(fail)?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .unwrap_or_default();
    let started = start_time(pid).unwrap_or_default();
    let record = Child {
        group: pid,
        started,
    };
    let guard = KillOnDrop(Some(record));
    run.ledger.child(record, &name).await?;
    if let Some(mut gate) = child.stdin.take() {
        gate.write_all(b"go\n").await.map_err(fail)?;
    }
    let status = match timeout_at(Instant::now() + what.timeout, child.wait()).await {
        Ok(status) => status.map_err(fail)?,
        Err(_) => {
            drop(guard);
            let _ = child.wait().await;
            return Err(Error::new("run", name, ErrorKind::Command).because(format!(
                "it did not end within {} s",
                what.timeout.as_secs()
            )));
        }
    };
    guard.disarm();
    judge(status, &name, what.output)
}

/// Commands print anything, secrets too, and the service keeps the file as its output: appended, for us alone, and
/// never through a link that somebody put there. Where it cannot be had, a full disk for instance, the output is lost
/// and the command runs all the same.
fn open_output(path: &Path) -> std::io::Result<fs::File> {
    if let Some(folder) = path.parent() {
        let _ = fs::create_dir_all(folder);
    }
    let opened = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .and_then(|file| file.set_len(0).map(|()| file));
    match opened {
        Ok(file) => Ok(file),
        Err(_) => fs::OpenOptions::new().write(true).open("/dev/null"),
    }
}

fn judge(status: ExitStatus, name: &str, output: &Path) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    let said = tail(output, 400);
    let detail = if said.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {said}")
    };
    Err(Error::new("run", name, ErrorKind::Command).because(detail))
}

/// The end of a text file on one line, from the beginning of a word, control characters removed.
#[must_use]
pub fn tail(path: &Path, most: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let mut from = bytes.len().saturating_sub(most);
    if from > 0 {
        // Half a word may be half a secret, which nobody recognises as one any more.
        let kept = bytes[from - 1..].iter().position(u8::is_ascii_whitespace);
        from = kept.map_or(bytes.len(), |at| from + at);
    }
    let text: String = String::from_utf8_lossy(&bytes[from..])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}

/// Whether the process runs a file of that folder: its program, or a script it was given.
#[must_use]
pub fn runs_from(process: &Marked, folder: &Path) -> bool {
    if process
        .exe
        .as_deref()
        .is_some_and(|exe| exe.starts_with(folder))
    {
        return true;
    }
    process.argv.iter().take(3).any(|argument| {
        let path = Path::new(std::ffi::OsStr::from_bytes(argument.as_bytes()));
        let full = if path.is_absolute() {
            path.to_owned()
        } else {
            folder.join(path)
        };
        full.starts_with(folder) && full.is_file()
    })
}

struct KillOnDrop(Option<Child>);

impl KillOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(child) = self.0
            && is_alive(child.group, child.started)
            && let Some(pid) = Pid::from_raw(child.group)
        {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}
