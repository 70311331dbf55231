use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ripcord_backup::{BackupId, Level};

/// Proven backups of a PostgreSQL database.
///
/// Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 the gate says no.
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
    /// Where backups are: file:///path or a path. Use one folder per database
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
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
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
    /// Restore a backup beside the live database
    Restore {
        /// The backup's id
        id: BackupId,
        /// Name of the database to create
        #[arg(long, value_name = "DATABASE")]
        into: String,
        /// Then put it in the place of the live database, ending all sessions; the old one is kept
        #[arg(long)]
        switch: bool,
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
