//! The command line.

use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// Tell people. Exit status: 0 delivered, 1 undelivered, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "notify", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send one message.
    Send(Send),
}

#[derive(Debug, Args)]
#[command(group(
    ArgGroup::new("destination")
        .required(true)
        .multiple(true)
        .args(["slack_url_env", "webhook_url_env", "console"])
))]
pub(crate) struct Send {
    /// The environment variable that holds the URL of a Slack incoming webhook.
    #[arg(long, value_name = "VAR")]
    pub(crate) slack_url_env: Option<String>,
    /// The environment variable that holds the URL of a generic webhook.
    #[arg(long, value_name = "VAR")]
    pub(crate) webhook_url_env: Option<String>,
    /// The environment variable that holds the secret to sign the webhook with.
    #[arg(long, value_name = "VAR", requires = "webhook_url_env")]
    pub(crate) webhook_secret_env: Option<String>,
    /// Standard error.
    #[arg(long)]
    pub(crate) console: bool,
    /// How much it matters.
    #[arg(long, value_enum, default_value_t = Level::Info)]
    pub(crate) severity: Level,
    /// One line.
    #[arg(long)]
    pub(crate) title: String,
    /// More lines.
    #[arg(long, default_value = "")]
    pub(crate) text: String,
    /// A name and a value to show, as in release=v3.
    #[arg(long, value_name = "NAME=VALUE", value_parser = fact)]
    pub(crate) fact: Vec<(String, String)>,
    /// The idempotency key; by default a new one each time.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// When to stop trying, in seconds.
    #[arg(long, default_value = "20", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) budget: Duration,
    /// What became of it, as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    Info,
    Warning,
    Critical,
}

fn fact(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write NAME=VALUE".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "write a number".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|e| e.to_string())
}
