//! migration-guard: lint and run migrations from the command line.

mod cli;
mod exit;
mod lint;
mod output;
mod policy;
mod rules;
mod run;
mod since;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match &cli.command {
        cli::Command::Lint(args) => lint::lint(args),
        cli::Command::Rules(args) => rules::rules(args),
        cli::Command::Status(args) => run::status(args).await,
        cli::Command::Run(args) => run::run(args).await,
        cli::Command::Revert(args) => run::revert(args).await,
    };
    exit::report(done)
}
