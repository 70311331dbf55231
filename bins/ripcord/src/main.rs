//! `ripcord`: parse, run, exit.

use std::process::ExitCode;

use clap::Parser as _;
use ripcord::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let exit = runtime.block_on(ripcord::commands::run(cli));
            runtime.shutdown_background();
            exit.into()
        }
        Err(_) => ripcord::exit::Exit::Usage.into(),
    }
}
