//! migration-guard: lint and run migrations from the command line.

mod analyse;
mod check;
mod cli;
mod exit;
mod layout;
mod limits;
mod lint;
mod opened;
mod output;
mod policy;
mod progress;
mod ran;
mod resolve;
mod rules;
mod run;
mod signals;
mod since;
mod snapshot;
mod ways_back;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match &cli.command {
        cli::Command::Lint(args) => lint::lint(args),
        cli::Command::Rules(args) => rules::rules(args),
        cli::Command::Check(args) => check::check(args).await,
        cli::Command::Status(args) => run::status(args).await,
        cli::Command::Analyse(args) => analyse::analyse(args).await,
        cli::Command::Snapshot(args) => snapshot::snapshot(args).await,
        cli::Command::Run(args) => run::run(args).await,
        cli::Command::Revert(args) => run::revert(args).await,
        cli::Command::Resolve(args) => resolve::resolve(args).await,
    };
    exit::report(done, cli.command.errors())
}
