use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ripcord_migration_guard::{Layout, Severity, Transactional};

/// Is this migration safe, and can it be undone?
#[derive(Debug, Parser)]
#[command(name = "migration-guard", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge SQL files without a database.
    Lint(LintArgs),
    /// Show what is pending, what is applied and what does not fit.
    Status(DatabaseArgs),
    /// Apply the pending migrations, one at a time.
    Run(RunArgs),
    /// Take migrations back, newest first, until the named one is the newest.
    Revert(RevertArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Files, or folders of .sql files.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Judge each file by itself instead of all of them as one chain.
    #[arg(long)]
    pub(crate) each: bool,
    /// One JSON document on stdout, findings of every level.
    #[arg(long)]
    pub(crate) json: bool,
    /// Whose SQL it is.
    #[arg(long, value_enum, default_value = "postgres")]
    pub(crate) dialect: DialectArg,
    /// The server's major version.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) postgres_version: u32,
    /// Whether the runner opens a transaction around each file.
    #[arg(long, value_enum, value_name = "yes|no")]
    pub(crate) in_transaction: Option<YesNo>,
    /// The least level that is shown as text.
    #[arg(long, value_enum, default_value = "warning")]
    pub(crate) level: Level,
}

#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The environment variable that holds the connection string.
    #[arg(long, value_name = "NAME", default_value = "DATABASE_URL")]
    pub(crate) url_env: String,
    /// How the files are named and where is recorded what is applied.
    #[arg(long, default_value = "sqlx")]
    pub(crate) layout: Layout,
    /// The folder of migrations.
    #[arg(long, value_name = "DIR", default_value = "migrations")]
    pub(crate) path: PathBuf,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The last version to apply; all pending ones without it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
    /// Show the SQL that would run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevertArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The version that stays, or `nothing`.
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: String,
    /// Show the SQL that would run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DialectArg {
    Postgres,
    Mysql,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum YesNo {
    Yes,
    No,
}

impl From<YesNo> for Transactional {
    fn from(it: YesNo) -> Self {
        match it {
            YesNo::Yes => Self::Yes,
            YesNo::No => Self::No,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
    Blocker,
}

impl From<Level> for Severity {
    fn from(it: Level) -> Self {
        match it {
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
            Level::Blocker => Self::Blocker,
        }
    }
}
