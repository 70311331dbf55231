//! Exit codes: 0 done, 1 a migration failed, 2 usage or bad input, 3 findings of level error or above, something
//! missing, no way back: nothing was changed, 130 and 143 stopped by SIGINT and SIGTERM.

use std::io::Write;
use std::process::ExitCode;

use ripcord_migration_guard::{Error, ErrorKind};

use crate::signals::Signal;

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Ok,
    Findings,
    Signalled(Signal),
}

pub(crate) fn report(done: anyhow::Result<Done>) -> ExitCode {
    match done {
        Ok(Done::Ok) => ExitCode::SUCCESS,
        Ok(Done::Findings) => ExitCode::from(3),
        Ok(Done::Signalled(signal)) => ExitCode::from(signal.code()),
        Err(error) => {
            tell(&error);
            let own = error.downcast_ref::<Error>();
            ExitCode::from(own.map_or(2, |e| code(e.kind())))
        }
    }
}

/// The error, and what to do about it.
pub(crate) fn tell(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    // Nothing is left to be done if stderr is closed.
    let _ = writeln!(stderr, "error: failed to {error:#}");
    if let Some(help) = error.downcast_ref::<Error>().and_then(Error::help) {
        let _ = writeln!(stderr, "help: {help}");
    }
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Workspace
        | ErrorKind::Syntax
        | ErrorKind::Unsupported
        | ErrorKind::UnknownVersion
        | ErrorKind::Connection => 2,
        ErrorKind::Irreversible | ErrorKind::Conflict => 3,
        _ => 1,
    }
}
