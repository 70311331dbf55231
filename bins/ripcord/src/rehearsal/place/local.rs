use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ripcord_conninfo::{Conninfo, Nothing, Surroundings as _, System};
use ripcord_rollback::journal::Owner;
use ripcord_rollback::process;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::leftovers::Folder;
use super::{ServerFacts, make_roles};

/// How long the server may take until it answers.
const START_WITHIN: Duration = Duration::from_secs(120);
/// What of the server's log is shown when it does not start, in bytes.
const TOLD: usize = 400;

/// A PostgreSQL server that exists for one rehearsal: own folder, own port on the loopback interface, own passwords.
///
/// Nothing in it has to survive a power cut, so it never waits for the disk.
#[derive(Debug)]
pub struct LocalCluster {
    // Dropped in this order.
    server: Server,
    admin: Conninfo,
    folder: Folder,
}

/// Its main process, which is told to end when this is dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    pid: i32,
    started: u64,
}

impl LocalCluster {
    /// Makes and starts one that is like the live server: the same major version, locale, roles (none of which may
    /// log in) and names of tablespaces.
    ///
    /// # Errors
    /// When a program is missing or fails, or there is no room.
    pub async fn start(
        parent: &Path,
        id: &str,
        programs: &Path,
        facts: &ServerFacts,
        by: &Owner,
    ) -> Result<Self> {
        let folder = Folder::claim(parent, id, by)?;
        match Self::start_in(folder.path(), programs, facts).await {
            Ok((server, admin)) => Ok(Self {
                server,
                admin,
                folder,
            }),
            Err(error) => {
                folder.remove().await?;
                Err(error)
            }
        }
    }

    async fn start_in(
        folder: &Path,
        programs: &Path,
        facts: &ServerFacts,
    ) -> Result<(Server, Conninfo)> {
        if facts.bootstrap.contains(['"', '$', '\'', '\\']) {
            bail!(
                "the live server's first role is called {}, and initdb makes no server with such a name",
                facts.bootstrap
            );
        }
        let account = account()?;
        // The server's account has to pass through, and nobody has to look in.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
        let password = random(24);
        let data = folder.join("data");
        let secret = folder.join("password");
        fs::write(&secret, &password)?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        fs::create_dir(&data)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
        if let Some((uid, gid)) = account {
            chown(&secret, Some(uid), Some(gid))?;
            chown(&data, Some(uid), Some(gid))?;
        }
        let mut initdb = Command::new(programs.join("initdb"));
        initdb
            .args(["--no-sync", "--auth=scram-sha-256"])
            .arg(format!("--pgdata={}", data.display()))
            .arg(format!("--pwfile={}", secret.display()))
            .arg(format!("--username={}", facts.bootstrap))
            .arg(format!("--encoding={}", facts.encoding))
            .arg(format!("--lc-collate={}", facts.collate))
            .arg(format!("--lc-ctype={}", facts.ctype));
        if let Some(locale) = &facts.icu {
            initdb
                .arg("--locale-provider=icu")
                .arg(format!("--icu-locale={locale}"));
        }
        let made = as_account(&mut initdb, account, folder)
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run initdb")?;
        fs::remove_file(&secret)?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            let said = said
                .lines()
                .rfind(|line| line.contains("error") || line.contains("FATAL"));
            bail!(
                "initdb failed: {}",
                said.unwrap_or("it does not say why").trim()
            );
        }
        for (number, _) in facts.tablespaces.iter().enumerate() {
            let space = folder.join(format!("space{number}"));
            fs::create_dir(&space)?;
            if let Some((uid, gid)) = account {
                chown(&space, Some(uid), Some(gid))?;
            }
        }
        let port = free_port()?;
        let log = folder.join("server.log");
        let mut command = Command::new(programs.join("postgres"));
        command.arg("-D").arg(&data);
        for (name, value) in settings(port, facts) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // The server tells values of rows in it.
        let out = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&log)?;
        let child = as_account(&mut command, account, folder)
            .stdout(Stdio::null())
            .stderr(out)
            .process_group(0)
            .spawn()
            .context("cannot start postgres")?;
        let mut server = Server::of(child);
        let text = format!(
            "host=127.0.0.1 port={port} user={} password={password} dbname=postgres sslmode=disable",
            quoted(&facts.bootstrap)
        );
        let admin = Conninfo::parse(&text, &Nothing)
            .context("cannot name the scratch server")?
            .with_application_name("ripcord-rehearsal");
        server.answers(&admin, &log).await?;
        let client = admin.session().await?;
        make_roles(&client, facts).await?;
        for (number, name) in facts.tablespaces.iter().enumerate() {
            let space = folder.join(format!("space{number}"));
            let sql = format!(
                "CREATE TABLESPACE {} LOCATION '{}'",
                crate::rehearsal::sql::ident(name),
                space.display()
            );
            client.batch_execute(&sql).await?;
        }
        Ok((server, admin))
    }

    /// As its superuser, to its database `postgres`.
    #[must_use]
    pub const fn admin(&self) -> &Conninfo {
        &self.admin
    }

    /// Ends it and removes everything it wrote.
    ///
    /// # Errors
    /// When the folder cannot be removed; the next rehearsal tries again.
    pub async fn remove(mut self) -> Result<()> {
        self.server.quit();
        // So that it is not a corpse when the folder is looked at.
        drop(tokio::time::timeout(Duration::from_secs(30), self.server.child.wait()).await);
        self.folder.remove().await
    }
}

impl Server {
    fn of(child: Child) -> Self {
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .unwrap_or_default();
        Self {
            child,
            pid,
            started: process::start_time(pid).unwrap_or_default(),
        }
    }

    fn quit(&self) {
        process::signal(self.pid, self.started, Signal::QUIT);
    }

    async fn answers(&mut self, admin: &Conninfo, log: &Path) -> Result<()> {
        let deadline = tokio::time::Instant::now() + START_WITHIN;
        loop {
            let failure = match admin.session().await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the scratch server ended at once ({status}): {}",
                    process::tail(log, TOLD)
                );
            }
            if tokio::time::Instant::now() > deadline {
                return Err(failure).context("the scratch server does not answer");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.quit();
        }
    }
}

/// `wanted` without links, or one below `TMPDIR` or `/var/tmp` where the server's account could not get there.
#[must_use]
pub fn reachable(wanted: &Path) -> PathBuf {
    let wanted = &without_links(wanted);
    let Ok(Some((uid, gid))) = account() else {
        return wanted.to_owned();
    };
    let may_pass = |folder: &Path| {
        let about = match fs::metadata(folder) {
            Ok(about) if about.is_dir() => about,
            // It is made later, with what the one above it allows, or cannot be made.
            _ => return true,
        };
        let bit = match (about.uid() == uid, about.gid() == gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        about.mode() & bit != 0
    };
    match wanted.ancestors().all(may_pass) {
        true => wanted.to_owned(),
        false => {
            let temporary = System.var("TMPDIR").map(PathBuf::from);
            // Not `/tmp`, which is often in memory.
            let temporary = temporary.unwrap_or_else(|| PathBuf::from("/var/tmp"));
            temporary.join("ripcord")
        }
    }
}

/// What is not there yet is made later, behind what is.
fn without_links(wanted: &Path) -> PathBuf {
    let wanted = std::path::absolute(wanted).unwrap_or_else(|_| wanted.to_owned());
    let real = wanted.ancestors().find_map(|there| {
        let real = fs::canonicalize(there).ok()?;
        let rest = wanted.strip_prefix(there).ok()?;
        Some(real.components().chain(rest.components()).collect())
    });
    real.unwrap_or(wanted)
}

fn settings(port: u16, facts: &ServerFacts) -> Vec<(String, String)> {
    let own = [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", String::new()),
        ("fsync", "off".to_owned()),
        ("full_page_writes", "off".to_owned()),
        ("synchronous_commit", "off".to_owned()),
        ("max_wal_size", "4GB".to_owned()),
        ("checkpoint_timeout", "1h".to_owned()),
        ("maintenance_work_mem", "256MB".to_owned()),
        // Whatever is locked or written is the migrations' own doing.
        ("autovacuum", "off".to_owned()),
        ("max_connections", "60".to_owned()),
        ("max_wal_senders", "0".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_statement", "none".to_owned()),
        ("log_min_error_statement", "panic".to_owned()),
    ];
    let mut all: Vec<(String, String)> = own
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    all.extend(facts.server_settings.iter().cloned());
    all
}

/// PostgreSQL refuses to run as root: the account it is installed with, else one that owns nothing.
fn account() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next() == Some(name);
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            found.then_some((uid, gid))
        })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .map(Some)
        .context(
            "PostgreSQL does not run as root, and there is neither an account postgres nor nobody",
        )
}

/// As that account, with nothing of our environment but the search path.
fn as_account<'a>(
    command: &'a mut Command,
    account: Option<(u32, u32)>,
    folder: &Path,
) -> &'a mut Command {
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_MESSAGES", "C")
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some((uid, gid)) = account {
        command.gid(gid).uid(uid);
    }
    command
}

/// A port of the loopback interface that nobody listens on right now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// Letters and digits: fit for a name, a password and a URL.
pub(crate) fn random(length: usize) -> String {
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    (0..length)
        .filter_map(|_| letters.get(rand::random_range(0..letters.len())))
        .map(|letter| char::from(*letter))
        .collect()
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
