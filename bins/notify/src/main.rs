//! `notify`: tell people from the command line.

mod cli;
mod wiring;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Exit codes: 0 delivered, 1 undelivered, 2 usage.
#[tokio::main]
async fn main() -> ExitCode {
    let cli::Cli { command } = cli::Cli::parse();
    let cli::Command::Send(send) = command;
    let dispatcher = match wiring::dispatcher(&send) {
        Ok(dispatcher) => dispatcher,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            return ExitCode::from(2);
        }
    };
    dispatcher.post(wiring::message(&send));
    let report = dispatcher.finish(send.budget).await;
    for lost in &report.undelivered {
        let _ = writeln!(std::io::stderr(), "undelivered: {lost}");
    }
    if send.json {
        let _ = writeln!(std::io::stdout(), "{}", wiring::json(&report));
    }
    ExitCode::from(u8::from(!report.is_complete()))
}
