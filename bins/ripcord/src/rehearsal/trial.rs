use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ripcord_conninfo::{Surroundings as _, System};
use ripcord_rollback::process;
use rustix::process::Signal;
use tokio::process::Command;

use super::arrivals::Door;
use super::place::free_port;
use super::scratch::Scratch;

/// Whatever a rehearsal starts carries its id under this name, however it is daemonised.
pub(crate) const MARK: &str = "RIPCORD_REHEARSAL";
/// The only variables of ours that children inherit.
const INHERITED: [&str; 9] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TERM",
];
/// How long processes may take to end before they are killed.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How much of what a command says is shown, in bytes.
const TOLD: usize = 300;

/// How a release is tried out on the scratch database.
#[derive(Clone, Debug, Default)]
pub struct TrialOptions {
    /// Variables that get the scratch database's URL.
    pub url_variables: Vec<String>,
    /// Further variables, which hold no secret of production.
    pub env: Vec<(String, String)>,
    /// A command that only reads, to see that the release uses the URL it is given.
    pub probe: Option<Vec<String>>,
    /// The service, its start-up migrator included.
    pub start: Option<Vec<String>>,
    /// Gets a free port.
    pub port_variable: String,
    /// A test that writes, too; exit 0 is passed.
    pub smoke: Option<Vec<String>>,
    /// How long the service may take until its port is open.
    pub start_timeout: Duration,
    /// How long one command may take.
    pub timeout: Duration,
}

/// What trying a release has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Nothing says how to try it.
    Not,
    /// It started and passed its test.
    Passed,
    /// It did not; why, on one line.
    Failed(String),
}

/// Tries releases out.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    options: &'a TrialOptions,
    id: &'a str,
    scratch: &'a Scratch,
    door: &'a Door,
    home: PathBuf,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        options: &'a TrialOptions,
        id: &'a str,
        scratch: &'a Scratch,
        door: &'a Door,
        home: PathBuf,
    ) -> Self {
        Self {
            options,
            id,
            scratch,
            door,
            home,
        }
    }

    /// Whether anything of a release is going to run.
    pub(super) fn is_asked_for(&self) -> bool {
        self.options.smoke.is_some() || self.options.start.is_some()
    }

    /// Runs the harmless command and looks who came in.
    ///
    /// # Errors
    /// When it fails, or nobody came in as the rehearsal's role: then the release reads its connection from
    /// somewhere else, and nothing of it may run.
    pub(super) async fn arrives(&self, release: &Path) -> Result<()> {
        let Some(probe) = &self.options.probe else {
            bail!(
                "[rehearsal] start and smoke need `probe`, a command of the release that only reads: without it nobody would notice a release that ignores {}",
                self.options.url_variables.join(", ")
            );
        };
        let before = self.door.seen().len();
        let ran = self.run(probe, release, None).await?;
        let seen = self.door.seen();
        let as_role = seen
            .iter()
            .skip(before)
            .any(|a| a.user == self.scratch.role && a.database == self.scratch.database);
        if !as_role {
            bail!(
                "`{}` was not seen on the scratch database as the rehearsal's role: the release does not connect where {} says, so running anything of it could reach production{}",
                probe.join(" "),
                self.options.url_variables.join(", "),
                ran.map(|said| format!(" ({said})")).unwrap_or_default()
            );
        }
        match ran {
            None => Ok(()),
            Some(said) => bail!("`{}` fails: {said}", probe.join(" ")),
        }
    }

    /// Starts a release on the scratch database as it is now, and runs its smoke test.
    pub(super) async fn of(&self, release: &Path) -> Result<Tried> {
        if !self.is_asked_for() {
            return Ok(Tried::Not);
        }
        let port = free_port()?;
        let tried = self.started(release, port).await;
        self.end_all().await?;
        tried
    }

    async fn started(&self, release: &Path, port: u16) -> Result<Tried> {
        let mut child = None;
        if let Some(start) = &self.options.start {
            let log = self.home.join("start.log");
            let out = std::fs::File::create(&log).context("cannot write the rehearsal's log")?;
            let mut command = self.command(start, release, Some(port))?;
            command.stdout(out.try_clone()?).stderr(out);
            let mut started = command
                .spawn()
                .with_context(|| format!("cannot run `{}`", start.join(" ")))?;
            let deadline = tokio::time::Instant::now() + self.options.start_timeout;
            loop {
                if tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .is_ok()
                {
                    break;
                }
                let ended = started.try_wait()?;
                let failed = ended.is_some_and(|status| !status.success());
                // One that daemonises itself ends with 0, and its processes are still there.
                let nobody = ended.is_some() && process::marked(MARK, self.id).is_empty();
                if failed || nobody || tokio::time::Instant::now() > deadline {
                    let what = match ended {
                        Some(status) => format!("ended with {status}"),
                        None => {
                            format!("does not open port {port} ({})", self.options.port_variable)
                        }
                    };
                    let said = process::tail(&log, TOLD);
                    return Ok(Tried::Failed(format!(
                        "`{}` {what}: {said}",
                        start.join(" ")
                    )));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            child = Some(started);
        }
        let passed = match &self.options.smoke {
            None => None,
            Some(smoke) => self
                .run(smoke, release, Some(port))
                .await?
                .map(|said| format!("`{}` fails: {said}", smoke.join(" "))),
        };
        drop(child);
        Ok(passed.map_or(Tried::Passed, Tried::Failed))
    }

    /// Runs a command to its end. `None` is exit 0; otherwise what it said.
    async fn run(
        &self,
        argv: &[String],
        folder: &Path,
        port: Option<u16>,
    ) -> Result<Option<String>> {
        let mut command = self.command(argv, folder, port)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command
            .spawn()
            .with_context(|| format!("cannot run `{}`", argv.join(" ")))?;
        let output =
            match tokio::time::timeout(self.options.timeout, child.wait_with_output()).await {
                Ok(output) => output?,
                Err(_) => {
                    self.end_all().await?;
                    let seconds = self.options.timeout.as_secs();
                    return Ok(Some(format!("it does not end within {seconds} s")));
                }
            };
        if output.status.success() {
            return Ok(None);
        }
        let said = match output.stderr.is_empty() {
            true => output.stdout,
            false => output.stderr,
        };
        let line = telling(&String::from_utf8_lossy(&said));
        Ok(Some(format!("{} ({})", line, output.status)))
    }

    fn command(&self, argv: &[String], folder: &Path, port: Option<u16>) -> Result<Command> {
        let (program, arguments) = argv.split_first().context("the command is empty")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .process_group(0);
        for name in INHERITED {
            if let Some(value) = System.var(name) {
                command.env(name, value);
            }
        }
        command.envs(at_home(&self.home));
        // For clients that are told nothing: otherwise they look for a server on this machine.
        command.envs(self.scratch.child.libpq_env());
        for (name, value) in &self.options.env {
            command.env(name, value);
        }
        command.env(MARK, self.id);
        for name in &self.options.url_variables {
            command.env(name, &self.scratch.url);
        }
        if let Some(port) = port {
            command
                .env(&self.options.port_variable, port.to_string())
                .env("RIPCORD_URL", format!("http://127.0.0.1:{port}"));
        }
        Ok(command)
    }

    /// Ends everything that carries the rehearsal's mark.
    pub(super) async fn end_all(&self) -> Result<()> {
        end_marked(self.id).await
    }
}

/// Variables by which a child finds none of our files. Older clients of PostgreSQL look for the home folder in the list of
/// accounts, so the files that may name production are named as well.
pub(crate) fn at_home(home: &Path) -> [(&'static str, String); 4] {
    let home = home.display().to_string();
    [
        ("PGPASSFILE", format!("{home}/.pgpass")),
        ("PGSERVICEFILE", format!("{home}/.pg_service.conf")),
        ("PGSYSCONFDIR", home.clone()),
        ("HOME", home),
    ]
}

/// The line that says what went wrong: the first that speaks of an error, as a database's client does, or else the last,
/// where interpreters put it.
fn telling(said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find(|line| line.contains("ERROR") || line.contains("rror: "));
    error
        .or_else(|| lines().next_back())
        .unwrap_or("it says nothing")
        .chars()
        .filter(|c| !c.is_control())
        .take(TOLD)
        .collect()
}

/// Ends everything that carries this rehearsal's mark.
pub(super) async fn end_marked(id: &str) -> Result<()> {
    for signal in [Signal::TERM, Signal::KILL] {
        for one in process::marked(MARK, id) {
            process::signal(one.pid, one.started, signal);
        }
        if process::wait_until(END_WITHIN, || process::marked(MARK, id).is_empty()).await {
            return Ok(());
        }
    }
    bail!("processes of the rehearsal do not end")
}
