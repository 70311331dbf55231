use std::path::PathBuf;
use std::time::Duration;

use ripcord_conninfo::Conninfo;
use ripcord_health_probe::GatePolicy;
use ripcord_migration_guard::Layout;
use ripcord_notify::Severity;

use super::{BackupConfig, CheckConfig};

/// Everything `ripcord.toml` says about one environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// The service's name.
    pub service: String,
    /// The environment this is for.
    pub environment: String,
    /// How it runs; absent when only single crates are used (`backup`, `migration`).
    pub release: Option<ReleaseConfig>,
    /// All checks.
    pub checks: Vec<CheckConfig>,
    /// The gates by name: `pre`, `post`, `smoke`, `observe`, `undo`.
    pub gates: Vec<(String, GateConfig)>,
    /// The database whose schema moves with the releases.
    pub database: Option<DatabaseConfig>,
    /// The same on MySQL or MariaDB, which is backed up and not migrated.
    pub mysql: Option<MysqlConfig>,
    /// Where the migrations are in a release.
    pub migrations: Option<MigrationsConfig>,
    /// Backups.
    pub backup: Option<BackupConfig>,
    /// What a deployment may do.
    pub deploy: DeployConfig,
    /// How long a healthy release is watched before it is committed.
    pub bake: Duration,
    /// The journal's file.
    pub journal: PathBuf,
    /// Who is told.
    pub notify: Vec<NotifyConfig>,
    /// Every secret that was resolved, to be masked wherever text goes out.
    pub secrets: Vec<String>,
    /// Things worth a line on stderr, such as a password file that libpq would ignore.
    pub warnings: Vec<String>,
}

impl Config {
    /// A gate by name.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<&GateConfig> {
        self.gates
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, gate)| gate)
    }
}

/// `[release]`.
#[derive(Clone, Debug)]
pub struct ReleaseConfig {
    /// `releases/<id>` and `current` are below it.
    pub root: PathBuf,
    /// How many good releases are kept besides the ones somebody may return to.
    pub keep: usize,
    /// How it is started and stopped.
    pub manager: ManagerConfig,
}

/// `[release.service]` with `manager = "command"`.
#[derive(Clone, Debug)]
pub struct ManagerConfig {
    /// Start command.
    pub start: Vec<String>,
    /// Stop command.
    pub stop: Vec<String>,
    /// How long one command may take.
    pub start_timeout: Duration,
    /// How long processes may take to end before they are killed.
    pub stop_timeout: Duration,
    /// How many restarts prove a crash loop.
    pub restarts: u32,
    /// Whether the processes are descendants of the start command.
    pub own_processes: bool,
    /// Other services that write.
    pub writers: Vec<WriterConfig>,
}

/// One of `[[release.service.writers]]`.
#[derive(Clone, Debug)]
pub struct WriterConfig {
    /// Its name.
    pub name: String,
    /// Start command.
    pub start: Vec<String>,
    /// Stop command.
    pub stop: Vec<String>,
}

/// `[gate.<name>]`.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Names of checks.
    pub checks: Vec<String>,
    /// Attempts, interval, rise, fall, deadline.
    pub policy: GatePolicy,
}

/// `[database]`.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// Where it is.
    pub conninfo: Conninfo,
    /// The container that it can only be reached from.
    pub container: Option<String>,
}

/// `[database]` with `kind = "mysql"`.
#[derive(Clone, Debug)]
pub struct MysqlConfig {
    /// The connection string, which holds the password.
    pub url: ripcord_notify::Secret,
}

/// `[migrations]`.
#[derive(Clone, Debug)]
pub struct MigrationsConfig {
    /// How they are laid out.
    pub layout: Layout,
    /// Folder inside a release.
    pub path: PathBuf,
    /// How long a statement may wait for a lock before it gives up and is tried again.
    pub lock_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// Whether the service looks at the history when it starts and refuses one it does not know.
    pub checks_history: bool,
    /// The size from which a table is large, so that blocking it is refused.
    pub large_table: u64,
}

/// `[deploy]`.
#[derive(Clone, Debug)]
pub struct DeployConfig {
    /// The longest planned downtime. Zero: none is allowed.
    pub max_downtime: Duration,
    /// How long a whole run may take before it goes back.
    pub deadline: Duration,
    /// How long a silent owner keeps the lease.
    pub lease_ttl: Duration,
    /// Whether releases without migrations also need a verified backup younger than `backup.max_age`.
    pub always_need_backup: bool,
}

/// One of `[[notify]]`.
#[derive(Clone, Debug)]
pub struct NotifyConfig {
    /// Its name.
    pub name: String,
    /// The least severity that is sent.
    pub from: Severity,
    /// Where to.
    pub kind: NotifyKind,
}

/// Where a message goes.
#[derive(Clone, Debug)]
pub enum NotifyKind {
    /// Slack incoming webhook.
    Slack {
        /// The URL, which is the credential.
        url: ripcord_notify::Secret,
    },
    /// Generic webhook.
    Webhook {
        /// The URL.
        url: ripcord_notify::Secret,
        /// Key of the signature.
        secret: Option<ripcord_notify::Secret>,
    },
    /// Lines on stderr.
    Console,
}
