//! `health-probe`: health checks and gates from the command line.

mod cli;
mod exit;
mod progress;
mod units;
mod wiring;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let gate = match wiring::gate(&cli) {
        Ok(gate) => gate,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            return exit::USAGE.into();
        }
    };
    let expect = cli.gate.release.as_deref();
    let report = tokio::select! {
        report = gate.run(expect, &(), &progress::Lines) => report,
        // Dropping the run ends the children of a command check too.
        () = exit::asked_to_stop() => return exit::UNDECIDED.into(),
    };
    let text = progress::render(&report, cli.gate.json);
    let _ = writeln!(std::io::stdout(), "{text}");
    exit::of(report.verdict).into()
}
