//! The demo: deploys good and bad releases of the shop with the real `ripcord` while customers keep ordering, and
//! then checks that nothing was lost.

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
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let held = story::tell(&arguments).await?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
