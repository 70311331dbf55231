//! `backup`: proven backups from the command line.

mod cli;
mod commands;
mod consent;
mod exit;
mod output;
mod progress;
mod restore;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // Only what somebody should know: the library warns of what it could not tidy up.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .without_time()
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&error.into()),
    };
    let ran = runtime.block_on(async {
        tokio::select! {
            ran = commands::run(&cli) => ran,
            // Dropping the work kills its children; the next run removes what it left.
            stopped = wiring::stopped() => Err(stopped),
        }
    });
    // A reservation that was given up is noted before the process ends.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match ran {
        Ok(outcome) => outcome.into(),
        Err(error) => exit::failed(&error),
    }
}
