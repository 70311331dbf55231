use std::path::PathBuf;
use std::time::Duration;

use ripcord_conninfo::Conninfo;
use ripcord_health_probe::GatePolicy;
use ripcord_migration_guard::Unrecorded;
use ripcord_migration_guard::frameworks::Framework;
use ripcord_migration_guard::{Layout, Policy};
use ripcord_notify::Severity;

use super::{BackupConfig, CheckConfig, RehearsalConfig};

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
    /// How a way back is tried out.
    pub rehearsal: RehearsalConfig,
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
    /// The same as it was given.
    pub url: ripcord_notify::Secret,
    /// The environment variable that it was read from.
    pub url_env: Option<String>,
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
    /// Who runs them.
    pub tool: MigrationTool,
    /// Folder inside a release: of the files, or of the project.
    pub path: PathBuf,
    /// How a run is bounded.
    pub limits: RunLimits,
    /// Whether the service looks at the history when it starts and refuses one it does not know.
    pub checks_history: bool,
    /// The size from which a table is large, so that blocking it is refused.
    pub large_table: u64,
    /// What the team wants to hear about them.
    pub policy: PolicyConfig,
}

/// `[migrations] layout`.
#[derive(Clone, Debug)]
pub enum MigrationTool {
    /// We, from SQL files that are laid out like this.
    Sql(Layout),
    /// The project's own code.
    Framework(Box<FrameworkConfig>),
}

impl MigrationTool {
    /// The name as it is spelled in the configuration.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sql(layout) => layout.as_str(),
            Self::Framework(config) => config.framework.as_str(),
        }
    }
}

/// How the code of a Django or Alembic project is run.
#[derive(Clone, Debug)]
pub struct FrameworkConfig {
    /// Which of the two.
    pub framework: Framework,
    /// The program that runs Python, and its arguments; empty: the project's own `.venv` or `venv`, or `python3`.
    pub python: Vec<String>,
    /// Arguments of `alembic`, or Django's script in place of `manage.py`.
    pub arguments: Vec<String>,
    /// Variables that the project sees wherever it runs, and that are no secrets.
    pub plain_env: Vec<(String, String)>,
    /// Secret variables that it sees besides; of two with one name these count.
    pub env: Vec<(String, ripcord_notify::Secret)>,
    /// The variable from which the project's settings read the connection string.
    pub url_env: String,
    /// The connection string of `[database]`, as it was given.
    pub url: ripcord_notify::Secret,
    /// Django's name for the database.
    pub database: String,
    /// How long reading the state may take.
    pub read_timeout: Duration,
    /// How long one migration may take.
    pub run_timeout: Duration,
}

/// How a run of migrations is bounded.
#[derive(Clone, Debug)]
pub struct RunLimits {
    /// How long a statement may wait for a lock before it gives up and is tried again.
    pub lock_timeout: Duration,
    /// How long a statement may run; zero is no limit.
    pub statement_timeout: Duration,
    /// How often a transaction is tried that lost a lock or a deadlock.
    pub attempts: u32,
    /// No attempt begins later than this after the first.
    pub retry_within: Duration,
    /// How long others may wait behind us before we give way; `None` is for ever.
    pub queue_limit: Option<Duration>,
    /// How long another run is waited for.
    pub wait: Duration,
    /// What to do with a pending version whose traces are there already.
    pub unrecorded: Unrecorded,
}

/// `[migrations.policy]`, or the file that it names.
#[derive(Clone, Debug, Default)]
pub struct PolicyConfig {
    /// Levels and exceptions.
    pub policy: Policy,
    /// Where they stand.
    pub file: PathBuf,
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
