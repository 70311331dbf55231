//! Exit codes: 0 done, 1 a migration failed, 2 usage or bad input, 3 findings of level error or above.

use std::io::Write;
use std::process::ExitCode;

use ripcord_migration_guard::{Error, ErrorKind};

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Ok,
    Findings,
}

pub(crate) fn report(done: anyhow::Result<Done>) -> ExitCode {
    match done {
        Ok(Done::Ok) => ExitCode::SUCCESS,
        Ok(Done::Findings) => ExitCode::from(3),
        Err(error) => {
            let mut stderr = std::io::stderr().lock();
            // Nothing is left to be done if stderr is closed.
            let _ = writeln!(stderr, "error: failed to {error:#}");
            let own = error.downcast_ref::<Error>();
            if let Some(help) = own.and_then(Error::help) {
                let _ = writeln!(stderr, "help: {help}");
            }
            ExitCode::from(own.map_or(2, |e| code(e.kind())))
        }
    }
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Workspace
        | ErrorKind::Syntax
        | ErrorKind::Unsupported
        | ErrorKind::UnknownVersion
        | ErrorKind::Connection => 2,
        _ => 1,
    }
}
