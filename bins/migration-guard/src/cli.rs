use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ripcord_migration_guard::frameworks::Framework;
use ripcord_migration_guard::{Dialect, Layout, MySqlServer, Settled, Severity, Transactional};

use crate::exit::{self, Errors};
use crate::limits::{LimitArgs, SessionArgs};

/// Is this migration safe, and can it be undone?
#[derive(Debug, Parser)]
#[command(name = "migration-guard", version, about, max_term_width = 100, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge SQL files without a database.
    Lint(LintArgs),
    /// List the hazards that are known: id, level, why.
    Rules(RulesArgs),
    /// Look for changed models without a migration, heads that nobody merged, files that no tool
    /// reads.
    Check(DatabaseArgs),
    /// Show what is pending, what is applied and what does not fit.
    Status(StatusArgs),
    /// Ask a live database what stands in the way of the pending migrations, and what they cost.
    Analyse(AnalyseArgs),
    /// Write down what a database looks like, for lint --schema.
    Snapshot(SnapshotArgs),
    /// Apply the pending migrations, one at a time.
    Run(RunArgs),
    /// Take migrations back, newest first, until the named one is the newest.
    Revert(RevertArgs),
    /// Tell what an interrupted run left of a version, and put it right where that is provably safe.
    Resolve(ResolveArgs),
}

impl Command {
    /// How its errors are told.
    pub(crate) fn errors(&self) -> Errors {
        let json = match self {
            Self::Lint(args) => args.json || args.format == Format::Json,
            Self::Rules(args) => args.json,
            Self::Check(args) => args.json,
            Self::Status(args) => args.database.json,
            Self::Analyse(args) => args.database.json,
            Self::Snapshot(args) => args.database.json,
            Self::Run(args) => args.database.json,
            Self::Revert(args) => args.database.json,
            Self::Resolve(args) => args.database.json,
        };
        match json {
            true => Errors::Json,
            false => Errors::Text,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Files, or folders of .sql files.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Judge each file by itself instead of all of them as one chain.
    #[arg(long)]
    pub(crate) each: bool,
    /// Whose naming the folders follow [default: the only one that fits; otherwise, and with --each, every .sql
    /// file is one].
    #[arg(long, value_parser = sql_layouts())]
    pub(crate) layout: Option<Layout>,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// What goes to stdout.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Also write a report into a file; may be given several times.
    #[arg(long, value_name = "FORMAT=FILE")]
    pub(crate) report: Vec<Report>,
    /// Levels, exceptions with a reason: a file of TOML [default: migration-guard.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Findings of this file are known and not reported.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what is found now as a baseline, and report nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "report"])]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Report only files that changed since this git commit, tag or branch split off. The others
    /// are still replayed, so that what they made is known.
    #[arg(long, value_name = "REF")]
    pub(crate) since: Option<String>,
    /// Whose SQL it is.
    #[arg(long, value_enum, default_value = "postgres")]
    pub(crate) dialect: DialectArg,
    /// What the database looks like, as `migration-guard snapshot` wrote it. Files that it names as
    /// applied are left out.
    #[arg(long, value_name = "FILE", conflicts_with = "each")]
    pub(crate) schema: Option<PathBuf>,
    /// The server's major version, 9 to 19 [default: the snapshot's, or 15].
    #[arg(long, value_name = "N")]
    pub(crate) postgres_version: Option<u32>,
    /// The server's version, 8.0.36 or mariadb-10.11; needs --dialect mysql [default: the worse of MySQL 8.0 and MariaDB 10.6].
    #[arg(long, value_name = "VERSION")]
    pub(crate) mysql_version: Option<MySqlServer>,
    /// Whether the runner opens a transaction around each file.
    #[arg(long, value_enum, value_name = "yes|no")]
    pub(crate) in_transaction: Option<YesNo>,
    /// The least level that is shown; json, sarif, gitlab and junit have all of them.
    #[arg(long, value_enum, default_value = "warning")]
    pub(crate) level: Level,
}

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// Whose SQL it is.
    #[arg(long, value_enum, default_value = "postgres")]
    pub(crate) dialect: DialectArg,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How findings are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, each with its line of SQL.
    Text,
    /// One document.
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

/// A report that goes into a file.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) format: Format,
    pub(crate) file: PathBuf,
}

impl std::str::FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or("write FORMAT=FILE, for example sarif=report.sarif")?;
        Ok(Self {
            format: Format::from_str(format, false)?,
            file: PathBuf::from(file),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The environment variable that holds the connection string.
    #[arg(long, value_name = "NAME", default_value = "DATABASE_URL")]
    pub(crate) url_env: String,
    /// How the files are named and where is recorded what is applied. Without it the folder is
    /// asked, and the database, whose table is there. Where that leaves a doubt nothing is run.
    #[arg(long, value_parser = layouts())]
    pub(crate) layout: Option<Tool>,
    /// The folder of migrations; of django and alembic the one with manage.py or alembic.ini, which
    /// without this is the current one.
    #[arg(long, value_name = "DIR", default_value = MIGRATIONS)]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) python: PythonArgs,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the code of django and alembic is run.
#[derive(Debug, Args)]
pub(crate) struct PythonArgs {
    /// The Python that has the project's packages [default: .venv or venv in the folder, or python3].
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<String>,
    /// A variable that the project may see; may be given several times. It sees the connection
    /// string's, DJANGO_SETTINGS_MODULE, PATH and the like, and no others.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// An argument of alembic itself, or Django's script in place of manage.py.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) tool_arg: Vec<String>,
}

/// Who runs the migrations: we, from SQL files, or a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Sql(Layout),
    Framework(Framework),
}

/// The folder when none is named.
pub(crate) const MIGRATIONS: &str = "migrations";

#[derive(Debug, Args)]
pub(crate) struct AnalyseArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// How long all of it may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) deadline: u64,
    /// From what age on a transaction with a lock that is needed is in the way.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) patience: u64,
    /// Free bytes on the database's disk, which the server does not tell.
    #[arg(long, value_name = "BYTES")]
    pub(crate) free_bytes: Option<u64>,
    /// The least level of findings that is shown as text.
    #[arg(long, value_enum, default_value = "warning")]
    pub(crate) level: Level,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The file; without it, stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    /// The version that was interrupted.
    #[arg(long = "version", value_name = "VERSION", required = true)]
    pub(crate) of: String,
    /// Put it right: drop an index that is not valid, finish what can only go on, clear or complete the mark.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Take the mark away by your word, where nobody else can tell: all of it is there, or nothing.
    #[arg(
        long = "as",
        value_enum,
        value_name = "applied|not-applied",
        conflicts_with = "repair",
        requires = "reason"
    )]
    pub(crate) settled: Option<SettledArg>,
    /// How you know; it is told with the answer.
    #[arg(long, value_name = "TEXT", requires = "settled")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The last version to apply; all pending ones without it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
    /// Run versions although what they make is there already, or another tool's table has them.
    #[arg(long)]
    pub(crate) allow_unrecorded: bool,
    /// Show the SQL that would run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevertArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The version that stays, or `none`.
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: String,
    /// Show the SQL that would run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SettledArg {
    Applied,
    NotApplied,
}

impl From<SettledArg> for Settled {
    fn from(it: SettledArg) -> Self {
        match it {
            SettledArg::Applied => Self::Applied,
            SettledArg::NotApplied => Self::NotApplied,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DialectArg {
    Postgres,
    Mysql,
}

impl From<DialectArg> for Dialect {
    fn from(it: DialectArg) -> Self {
        match it {
            DialectArg::Postgres => Self::Postgres,
            DialectArg::Mysql => Self::MySql,
        }
    }
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

/// The names of the layouts of SQL files, also for the help.
fn sql_layouts() -> impl TypedValueParser<Value = Layout> {
    PossibleValuesParser::new(Layout::ALL.map(Layout::as_str))
        .try_map(|name| name.parse::<Layout>())
}

/// The names of all layouts, also for the help.
fn layouts() -> impl TypedValueParser<Value = Tool> {
    let frameworks = Framework::ALL.map(Framework::as_str);
    let names = Layout::ALL
        .map(Layout::as_str)
        .into_iter()
        .chain(frameworks);
    PossibleValuesParser::new(names).try_map(|name| match name.parse::<Framework>() {
        Ok(framework) => Ok(Tool::Framework(framework)),
        Err(_) => name.parse::<Layout>().map(Tool::Sql),
    })
}
