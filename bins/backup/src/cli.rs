use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ripcord_backup::stores::PartSize;
use ripcord_backup::{BackupId, Level};

/// Proven backups of a database or a folder.
///
/// What is backed up: the database whose connection string (postgres://, mysql://, mariadb://) is in the
/// variable that --url-env names, or the folder that --folder names.
///
/// Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 the gate says no, less was proven than was asked
/// for, or nobody consented to a loss, 6 another restore into that name is running.
#[derive(Debug, Parser)]
#[command(name = "backup", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Where backups are: a path, file:///path, or s3://bucket/prefix. Use one folder per database
    ///
    /// S3 takes AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL from the
    /// environment, or the machine's role.
    #[arg(long, global = true, value_name = "URL", default_value = "backups")]
    pub(crate) store: String,
    /// The environment variable that holds the database's connection string
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        default_value = "DATABASE_URL"
    )]
    pub(crate) url_env: String,
    /// Back up this folder instead of a database
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "url_env")]
    pub(crate) folder: Option<PathBuf>,
    /// The Docker container that the PostgreSQL server is in, when it can only be reached from there
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Encrypt to this public key (age1…); may be given several times
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) encrypt_to: Vec<String>,
    /// A file with the secret keys that open backups, as age-keygen writes it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Encrypt and decrypt with the passphrase in this environment variable
    #[arg(long, global = true, value_name = "NAME", conflicts_with_all = ["encrypt_to", "identity"])]
    pub(crate) passphrase_env: Option<String>,
    /// How many sessions read and restore at once
    #[arg(long, global = true, value_name = "N", default_value = "2")]
    pub(crate) jobs: NonZeroUsize,
    /// A folder with room for an uncompressed archive, so that restores of three --jobs or more write rows with all
    /// of them; with fewer a stream is faster
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) staging: Option<PathBuf>,
    /// Bytes in a part of an upload, 5MiB to 5GiB
    ///
    /// An archive has at most 10,000 parts, and an upload takes five of them of memory: 8MiB make 78 GiB and 40 MiB,
    /// 64MiB make 625 GiB and 320 MiB.
    #[arg(long, global = true, value_name = "SIZE", default_value = "8MiB")]
    pub(crate) part_size: PartSize,
    /// How a PostgreSQL dump is written
    #[arg(long, global = true, value_enum, default_value_t = Layout::Stream)]
    pub(crate) layout: Layout,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// How a PostgreSQL dump is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// By one session, straight into the store
    Stream,
    /// By several sessions (--jobs) into the folder that --staging names, and from there into the store
    Directory,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a backup, prove it, publish it
    Create {
        /// How much to prove: stored, structure, restored, counts, content
        #[arg(long, default_value_t = Level::Content)]
        level: Level,
        /// What to find it by later, as name=value
        #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
        /// Definitions without rows (PostgreSQL). Such a backup does not count for the gate
        #[arg(long)]
        schema_only: bool,
        /// Leave out the hashes of rows (PostgreSQL); then `restored` is the most that can be proven
        #[arg(long)]
        skip_row_hashes: bool,
    },
    /// Show all published backups
    List,
    /// Prove a backup again
    Verify {
        /// The backup's id
        id: BackupId,
        /// How much to prove: stored, structure, restored, counts, content
        #[arg(long, default_value_t = Level::Content)]
        level: Level,
    },
    /// Restore a backup beside the live database or folder
    Restore {
        /// The backup's id
        id: BackupId,
        /// Name of the database or folder to create
        #[arg(long, value_name = "NAME")]
        into: String,
        /// Then put it in the place of the live one, ending all sessions; the old one is kept. Asks first
        ///
        /// What was written since the backup is shown, and the live one's name has to be typed; without a terminal
        /// --allow-restore is needed. The same command again goes on where it ended.
        #[arg(long)]
        switch: bool,
        /// Then replace all that is in the live database, in one transaction; nothing of it is kept (PostgreSQL).
        /// Asks first
        #[arg(long, conflicts_with = "switch")]
        in_place: bool,
        /// With --in-place: a schema of the live database that stays as it is; may be given several times
        #[arg(long = "keep-schema", value_name = "NAME", requires = "in_place")]
        keep_schema: Vec<String>,
        /// Lose what was written since the backup without being asked, for this reason
        #[arg(long, value_name = "REASON")]
        allow_restore: Option<String>,
    },
    /// Export one table, or some of its columns with their key (PostgreSQL), as a backup of its own
    Export {
        /// The table with its schema, quoted as in SQL: public.orders
        #[arg(long)]
        table: String,
        /// A column; may be given several times. The table's key comes with it. Default: all
        #[arg(long = "column", value_name = "NAME")]
        columns: Vec<String>,
        /// Only rows that meet this SQL condition
        #[arg(long = "where", value_name = "SQL")]
        filter: Option<String>,
        /// What to find it by later, as name=value
        #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
    },
    /// Put an export back into the live database: all of it, or nothing
    PutBack {
        /// The export's id
        id: BackupId,
        /// What to do where the database holds something else by now
        #[arg(long, value_enum, default_value_t = Conflict::Fail)]
        on_conflict: Conflict,
        /// Check constraints that can wait once everything is written
        #[arg(long)]
        defer_constraints: bool,
        /// Only count what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask whether the newest backup is good enough
    Gate {
        /// Its age at most, such as 90s, 30m, 24h
        #[arg(long, value_name = "AGE", default_value = "24h", value_parser = duration)]
        max_age: Duration,
        /// How much has to be proven about it
        #[arg(long, value_name = "LEVEL", default_value_t = Level::Content)]
        min_level: Level,
    },
    /// Show which backups are no longer needed and why the others are; delete them with --confirm
    Prune(Keep),
    /// Keep a backup whatever the rules say
    Pin {
        /// The backup's id
        id: BackupId,
        /// Why
        #[arg(long, default_value = "pinned by hand")]
        reason: String,
    },
    /// Leave a backup to the rules again
    Unpin {
        /// The backup's id
        id: BackupId,
    },
    /// Take over a dump that another program made, once it was restored into a scratch database
    ///
    /// Of SQL text, only statements that the dump tools write are run, and anything else is refused. What it defines
    /// (functions in checks and indexes, queries of materialised views), and all of a custom-format archive, runs with
    /// the rights of the database's user: import only what you trust, as a user who is no superuser.
    ///
    /// pg_dump's custom and plain formats, mysqldump's and mariadb-dump's; also inside of gzip, zstd, age or
    /// openssl enc -aes-256-cbc.
    Import {
        /// The dump; - for standard input
        file: PathBuf,
        /// The environment variable with the passphrase of an openssl or age layer
        #[arg(long, value_name = "NAME")]
        dump_passphrase_env: Option<String>,
        /// What openssl enc -iter was given, if it was
        #[arg(long, value_name = "N")]
        iterations: Option<NonZeroU32>,
        /// What to find it by later, as name=value
        #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
    },
}

/// What to do with a row that holds something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflict {
    /// Write nothing at all
    Fail,
    /// Leave it as it is
    Keep,
    /// Give it the exported values
    Overwrite,
}

/// What `prune` keeps. Without any of these it keeps the last 7.
#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// The newest ones
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u32>,
    /// The newest of each of the last hours, likewise days, weeks, months, years, by UTC
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) keep_hourly: u32,
    /// Days
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) keep_daily: u32,
    /// Weeks, from Monday
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) keep_weekly: u32,
    /// Months
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) keep_monthly: u32,
    /// Years
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) keep_yearly: u32,
    /// Those with this label, as name or name=value
    #[arg(long, value_name = "LABEL")]
    pub(crate) keep_label: Vec<String>,
    /// Delete what the plan says, instead of only showing it
    #[arg(long)]
    pub(crate) confirm: bool,
}

fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "it must look like name=value".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a number with s, m, h or d, such as 30m".to_owned();
    let split = text.len().saturating_sub(1);
    if !text.is_char_boundary(split) {
        return Err(wrong());
    }
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "30", "m", "-1s", "1é", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
