//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::units::{duration, size};

/// Is it healthy? Exit status: 0 yes, 3 no, 5 could not decide, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "health-probe", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) check: Check,
    #[command(flatten)]
    pub(crate) gate: GateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Rounds until the first healthy one.
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) attempts: u32,
    /// From the start of a round to the start of the next.
    #[arg(long, global = true, default_value = "5s", value_parser = duration)]
    pub(crate) interval: Duration,
    /// Passes in a row that make it healthy.
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) rise: u32,
    /// Failures in a row that make it unhealthy again.
    #[arg(long, global = true, default_value_t = 3)]
    pub(crate) fall: u32,
    /// Everything ends here.
    #[arg(long, global = true, value_parser = duration)]
    pub(crate) deadline: Option<Duration>,
    /// Only answers of this release count.
    #[arg(long, global = true, value_name = "RELEASE")]
    pub(crate) release: Option<String>,
    /// One JSON document on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// An HTTP endpoint.
    Http {
        /// Without credentials; for a URL that carries them use --url-env.
        #[arg(required_unless_present = "url_env", conflicts_with = "url_env")]
        url: Option<String>,
        /// The environment variable that holds the URL.
        #[arg(long, value_name = "VAR")]
        url_env: Option<String>,
        /// The expected status.
        #[arg(long, default_value_t = 200)]
        status: u16,
        /// A JSON path (RFC 9535) and its expected value, as in '$.status=healthy'.
        #[arg(long, value_name = "PATH=VALUE")]
        json_equals: Vec<String>,
        /// The slowest answer that is still good.
        #[arg(long, value_parser = duration)]
        within: Option<Duration>,
        /// When to give up on one answer.
        #[arg(long, default_value = "10s", value_parser = duration)]
        timeout: Duration,
        /// The response header that names the release.
        #[arg(long, default_value = "X-Release")]
        release_header: String,
    },
    /// A TCP port.
    Tcp {
        /// HOST:PORT
        address: String,
        /// When to give up.
        #[arg(long, default_value = "5s", value_parser = duration)]
        timeout: Duration,
    },
    /// A PostgreSQL server.
    Postgres {
        /// The environment variable that holds the URL.
        #[arg(long, value_name = "VAR")]
        url_env: String,
        /// A query, instead of SELECT 1.
        #[arg(long, requires = "expect")]
        query: Option<String>,
        /// Its answer: the first column of the first row.
        #[arg(long, requires = "query")]
        expect: Option<String>,
    },
    /// A Redis server.
    Redis {
        /// The environment variable that holds the URL.
        #[arg(long, value_name = "VAR")]
        url_env: String,
    },
    /// Free space.
    Disk {
        /// Any path on the file system.
        path: PathBuf,
        /// At least this much.
        #[arg(long, default_value = "10GiB", value_parser = size)]
        min_free: u64,
    },
    /// A program; exit status 0 is healthy.
    Command {
        /// When to kill it.
        #[arg(long, default_value = "60s", value_parser = duration)]
        timeout: Duration,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        argv: Vec<String>,
    },
}
