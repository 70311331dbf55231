//! The demo: deploys good and bad releases of the shop with the real `ripcord` while customers keep ordering, and
//! then checks that nothing was lost.

mod bench;
mod customers;
mod site;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Runs the demo.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// A throwaway PostgreSQL, as superuser.
    #[arg(long)]
    pub(crate) postgres: String,
    /// A free port for the service.
    #[arg(long)]
    pub(crate) port: u16,
    /// A folder for everything the demo writes.
    #[arg(long)]
    pub(crate) into: PathBuf,
    /// Measure instead: cold start, and what `ripcord plan` adds to the database's and the service's own time.
    #[arg(long)]
    pub(crate) bench: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.bench {
        bench::measure(&arguments).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = story::tell(&arguments).await?;
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
