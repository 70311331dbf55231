//! How runs are bounded, from the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ripcord_migration_guard::{Leftovers, RunOptions};

/// Whose sessions they are, and what is known beside the folder.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// The name of our sessions, by which others find and end them.
    #[arg(long, value_name = "NAME", default_value = "migration-guard")]
    pub(crate) application_name: String,
    /// End sessions of that name that are still at work, instead of waiting for them. For names that only one
    /// owner has: what is left of it is from a crash.
    #[arg(long)]
    pub(crate) end_leftovers: bool,
    /// The way back of what is applied is kept here, and taken from here when its file is gone or was edited.
    #[arg(long, value_name = "FILE")]
    pub(crate) ways_back: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// How long a statement may wait for a table lock, with everybody else behind it.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) lock_timeout: Duration,
    /// How long a statement may run; 0 is no limit. Concurrent index builds have none.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(crate) statement_timeout: Duration,
    /// How often a transaction is tried that lost a lock or a deadlock.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: u32,
    /// No attempt begins later than this after the first.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub(crate) retry_within: Duration,
    /// Give way when others wait behind us for longer; 0 is never.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) queue_limit: Duration,
    /// How long to wait for another run to end.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) wait: Duration,
}

impl SessionArgs {
    pub(crate) fn options(&self) -> RunOptions {
        let mut options = RunOptions::default();
        options.application_name.clone_from(&self.application_name);
        if self.end_leftovers {
            options.leftovers = Leftovers::End;
        }
        options
    }
}

impl LimitArgs {
    pub(crate) fn options(&self, session: &SessionArgs) -> RunOptions {
        let mut options = session.options();
        options.lock_timeout = self.lock_timeout;
        options.statement_timeout = self.statement_timeout;
        options.retries = self.attempts.saturating_sub(1);
        options.retry_within = self.retry_within;
        options.queue_limit = (!self.queue_limit.is_zero()).then_some(self.queue_limit);
        options.runner_wait = self.wait;
        options
    }
}

/// `500ms`, `2s`, `5m`, `1h`, or 0.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it like 500ms, 2s, 5m, 1h, or 0".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "" if number == 0 => 1,
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let millis = number.checked_mul(factor).ok_or_else(wrong)?;
    // The server counts milliseconds in 31 bits.
    if millis > u64::from(i32::MAX.unsigned_abs()) {
        return Err("more than 596 hours cannot be told to the server".to_owned());
    }
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "5", "s", "1.5s", "5 s", "-1s", "999999999h", "600h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
