//! The command line, which is a contract.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "these texts are shown in a terminal, where [backup] is a table of the configuration"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::parse_duration;

const AFTER: &str = "\
Exit codes:
  0  done (committed)
  1  the deployment failed and went back; the previous release is verified healthy
  2  usage or configuration; nothing was touched
  3  blocked: a gate said no, nothing changed
  4  a person is needed: going back failed, or the state could not be verified
  5  inconclusive: it could not be decided; nothing more happens by itself
  6  another deployment holds the lease";

/// A deploy that knows its way back before it starts.
#[derive(Debug, Parser)]
#[command(name = "ripcord", version, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        default_value = "ripcord.toml",
        env = "RIPCORD_CONFIG",
        value_name = "FILE"
    )]
    pub config: PathBuf,
    /// The environment: which [environment.NAME] is laid over the file, and whose lease and journal are used.
    #[arg(
        long,
        global = true,
        default_value = "production",
        env = "RIPCORD_ENV",
        value_name = "NAME"
    )]
    pub env: String,
    /// Print the result as one JSON document on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a gate now (pre, post, smoke, observe, undo; default: every check once).
    Check {
        /// The gate.
        gate: Option<String>,
    },
    /// Show everything `deploy` would do; changes nothing. With --rollback, whether today's schema fits an older release
    /// and what going back would take.
    Plan {
        /// The release.
        #[arg(required_unless_present = "rollback")]
        release: Option<String>,
        /// Try the way back out first: makes a scratch copy of the newest verified backup, and removes it.
        #[arg(long, requires = "release")]
        rehearse: bool,
        /// Plan a rollback: to the previous good release, or with --to.
        #[arg(long, conflicts_with = "release")]
        rollback: bool,
        /// The release to go back to.
        #[arg(long, value_name = "RELEASE", requires = "rollback")]
        to: Option<String>,
        /// What the operator allows.
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// The guarded deployment: goes forward to the release, or back by itself.
    Deploy {
        /// The release.
        release: String,
        /// What the operator allows.
        #[command(flatten)]
        consent: ConsentArgs,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Deploy although the pre gate fails: the release mends what fails. The reason is recorded.
        #[arg(long, value_name = "REASON")]
        hotfix: Option<String>,
        /// Deploy although the last deployment ended in a declared state (exit 4). The reason is recorded.
        #[arg(long, value_name = "REASON")]
        over_declared: Option<String>,
        /// Show what would be done and stop, like `plan`.
        #[arg(long)]
        dry_run: bool,
    },
    /// Go back by hand to the previous good release, or to a named one, with the same verification.
    Rollback {
        /// The release to return to; default: the newest good one on record other than the current.
        #[arg(long, value_name = "RELEASE")]
        to: Option<String>,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Also take back the migrations that the release cannot live with. The reason is recorded.
        #[arg(long, value_name = "REASON")]
        revert_schema: Option<String>,
        /// Show what would be done and stop.
        #[arg(long)]
        dry_run: bool,
    },
    /// Finish an interrupted run: end what it left, look at the world, go forward or back.
    Resume {
        /// Show where the interrupted run stopped and what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop a running deployment, or an interrupted one, and go back.
    Abort {
        /// Show what is running or interrupted.
        #[arg(long)]
        dry_run: bool,
    },
    /// What runs, who deploys, and how the last deployment ended.
    Status,
    /// All deployments on record, newest first.
    History {
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Migrations: lint, check, status, analyse, rehearse, run, revert.
    #[command(subcommand)]
    Migration(MigrationCommand),
    /// Backups: create, list, verify, restore, gate.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Notifications.
    #[command(subcommand)]
    Notify(NotifyCommand),
}

/// What an operator may allow.
#[derive(Clone, Debug, Default, Args)]
pub struct ConsentArgs {
    /// Allow a plan whose way back is restoring the backup, which loses what is written after it.
    #[arg(long, value_name = "REASON")]
    pub allow_restore: Option<String>,
    /// Allow a deployment that has no way back.
    #[arg(long, value_name = "REASON")]
    pub accept_forward_only: Option<String>,
    /// Allow migrations that block a large table.
    #[arg(long, value_name = "REASON")]
    pub accept_hazards: Option<String>,
    /// The longest planned downtime for this run, instead of [deploy] max_downtime.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub max_downtime: Option<Duration>,
}

/// `ripcord migration …`.
#[derive(Debug, Subcommand)]
pub enum MigrationCommand {
    /// Say what migrations lock, rewrite, lose and break. Reads files only, each judged by itself: tables of earlier
    /// files count as full. Of django and alembic what is pending, because only their code knows the SQL.
    Lint {
        /// Folders or .sql files; default: the migrations of the current release.
        paths: Vec<PathBuf>,
        /// The migrations of this release.
        #[arg(long, value_name = "RELEASE", conflicts_with = "paths")]
        release: Option<String>,
        /// What goes to standard output.
        #[arg(long, value_enum, default_value = "text")]
        format: LintFormat,
    },
    /// Look for changed models without a migration, heads that nobody merged, files that no tool reads, and migrations
    /// that were edited, are missing or come too late for the database. Exits with 3 if there is any, with 5 if Alembic
    /// cannot compare the models because migrations are pending.
    Check {
        /// A folder of migrations, or a Django or Alembic project, as in a checkout: the database's history is not asked.
        /// Default: the current release.
        path: Option<PathBuf>,
        /// The release that is meant.
        #[arg(long, value_name = "RELEASE", conflicts_with = "path")]
        release: Option<String>,
    },
    /// Which are applied, pending, edited, missing or half applied.
    Status {
        /// The release whose migrations are meant; default: the current one.
        #[arg(long, value_name = "RELEASE")]
        release: Option<String>,
    },
    /// Ask the live database what is in the way of the pending migrations, whether the rows fit, and how long it takes.
    Analyse {
        /// The release whose migrations are meant; default: the current one.
        #[arg(long, value_name = "RELEASE")]
        release: Option<String>,
        /// How long all of it may take.
        #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
        deadline: Duration,
    },
    /// Try the way back out: restore the newest verified backup into a throwaway server, take the pending migrations up,
    /// down and up again, with rows that only the new release could write, and say how a deployment would be undone.
    Rehearse {
        /// The release whose migrations are tried.
        release: String,
    },
    /// Apply pending migrations, one by one, and say exactly what was applied.
    Run {
        /// The release whose migrations are meant; default: the current one.
        #[arg(long, value_name = "RELEASE")]
        release: Option<String>,
        /// Stop after this version.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
        /// Show what would run, with its SQL.
        #[arg(long)]
        dry_run: bool,
    },
    /// Take migrations back down to a named version, which stays applied.
    Revert {
        /// The release whose migrations are meant; default: the current one.
        #[arg(long, value_name = "RELEASE")]
        release: Option<String>,
        /// The version that is the newest afterwards; `none` for an empty history.
        #[arg(long, value_name = "VERSION")]
        to: String,
        /// Show what would run, with its SQL.
        #[arg(long)]
        dry_run: bool,
    },
}

/// How findings are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// For people, each with its line of SQL.
    Text,
    /// One document, as --json.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations in the log of a GitHub Actions step.
    Github,
    /// A code quality report of GitLab.
    Gitlab,
    /// JUnit's XML.
    Junit,
    /// One comment for a pull request.
    Markdown,
}

/// `ripcord backup …`.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a backup and prove that it restores.
    Create {
        /// How far it is verified: stored, structure, restored, counts, content; default: [backup] min_level.
        #[arg(long, value_name = "LEVEL")]
        level: Option<String>,
        /// Show what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// All published backups, newest first.
    List,
    /// Verify a backup again.
    Verify {
        /// Its id.
        id: String,
        /// How far; default: [backup] min_level.
        #[arg(long, value_name = "LEVEL")]
        level: Option<String>,
    },
    /// Restore a backup into a new database beside the live one; with --switch or --in-place make it the live one.
    Restore {
        /// Its id.
        id: String,
        /// The new database's name; default: chosen from the backup's id.
        #[arg(long, value_name = "NAME")]
        into: Option<String>,
        /// Switch by rename: the live database is kept under a dated name. Loses what was written since the backup: that is
        /// shown, and the live database's name has to be typed; without a terminal --allow-restore is needed.
        #[arg(long)]
        switch: bool,
        /// Replace all that is in the live database, in one transaction, after the same question. Nothing of it is kept.
        #[arg(long, conflicts_with = "switch")]
        in_place: bool,
        /// With --in-place: a schema that stays as it is, besides those in [backup] keep_schemas.
        #[arg(long = "keep-schema", value_name = "NAME", requires = "in_place")]
        keep_schema: Vec<String>,
        /// Lose what was written since the backup without being asked.
        #[arg(long, value_name = "REASON")]
        allow_restore: Option<String>,
        /// Show what would be done and what would be lost.
        #[arg(long)]
        dry_run: bool,
    },
    /// Export one table, or some of its columns with their key, as a backup of its own: what a revert would drop.
    Export {
        /// The table with its schema, quoted as in SQL: public.orders.
        #[arg(long, value_name = "TABLE")]
        table: String,
        /// A column; may be given several times. Default: all.
        #[arg(long = "column", value_name = "NAME")]
        columns: Vec<String>,
        /// Only rows that meet this SQL condition.
        #[arg(long = "where", value_name = "SQL")]
        filter: Option<String>,
    },
    /// Put an export back into the live database: all of it, or nothing.
    PutBack {
        /// Its id.
        id: String,
        /// What to do where the database holds something else by now: fail, keep (what is there), overwrite.
        #[arg(long, value_name = "POLICY", default_value = "fail", value_parser = ["fail", "keep", "overwrite"])]
        on_conflict: String,
        /// Only count what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Is there a verified backup that is fresh enough?
    Gate {
        /// How old it may be; default: [backup] max_age.
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        max_age: Option<Duration>,
        /// How far it has to be verified; default: [backup] min_level.
        #[arg(long, value_name = "LEVEL")]
        min_level: Option<String>,
    },
    /// Which backups [backup.keep] no longer needs, and why the others stay; with --confirm delete them. Backups of
    /// deployments that can still be rolled back always stay.
    Prune {
        /// Delete what the plan says, instead of only showing it.
        #[arg(long)]
        confirm: bool,
    },
    /// Keep a backup whatever the rules say.
    Pin {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long, value_name = "TEXT", default_value = "pinned by hand")]
        reason: String,
    },
    /// Leave a backup to the rules again.
    Unpin {
        /// Its id.
        id: String,
    },
    /// Take over a dump that another program made, once it was restored into a scratch database: pg_dump's custom or
    /// plain format, also inside of gzip, zstd, age or openssl enc -aes-256-cbc.
    Import {
        /// The dump.
        file: PathBuf,
        /// The environment variable with the passphrase of an openssl or age layer.
        #[arg(long, value_name = "NAME")]
        dump_passphrase_env: Option<String>,
    },
}

/// `ripcord notify …`.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a message marked as a test to every destination, or to one.
    Test {
        /// Only this one.
        name: Option<String>,
        /// Show what would be sent where.
        #[arg(long)]
        dry_run: bool,
    },
}
