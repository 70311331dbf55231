//! How a command ended, as [`HELP`] says it.

use std::io::Write;
use std::process::ExitCode;

use ripcord_migration_guard::{Error, ErrorKind};

use crate::output::printable;
use crate::signals::Signal;

/// The exit codes, at the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    a run failed, and something may have been done: stdout says what
  2    usage, configuration, or a database that cannot be read; nothing was touched
  3    blocked: findings of level error or above, problems, no way back, another run; nothing was
       touched by what was blocked
  130  stopped by SIGINT, 143 by SIGTERM";

/// How a command ended when it has told everything itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Ok,
    Findings,
    /// With this code; the error has been told.
    Failed(u8),
    Signalled(Signal),
}

/// Whether an error becomes a document, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errors {
    Text,
    Json,
}

pub(crate) fn report(done: anyhow::Result<Done>, errors: Errors) -> ExitCode {
    match done {
        Ok(Done::Ok) => ExitCode::SUCCESS,
        Ok(Done::Findings) => ExitCode::from(3),
        Ok(Done::Failed(code)) => ExitCode::from(code),
        Ok(Done::Signalled(signal)) => ExitCode::from(signal.code()),
        Err(error) => {
            tell(&error);
            if errors == Errors::Json {
                let document = serde_json::json!({ "schema": 1, "error": document(&error) });
                // Nothing is left to be done if stdout is closed.
                let _ = writeln!(std::io::stdout().lock(), "{document}");
            }
            let own = error.downcast_ref::<Error>();
            ExitCode::from(own.map_or(2, |e| untouched(e.kind())))
        }
    }
}

/// The error, and what to do about it.
pub(crate) fn tell(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    // Nothing is left to be done if stderr is closed.
    let _ = writeln!(stderr, "error: failed to {}", printable(&chain(error)));
    if let Some(help) = help(error) {
        let _ = writeln!(stderr, "help: {}", printable(&help));
    }
}

/// An error for scripts.
pub(crate) fn document(error: &anyhow::Error) -> serde_json::Value {
    let kind = error.downcast_ref::<Error>().map(|e| snake(e.kind()));
    serde_json::json!({ "kind": kind, "message": chain(error), "help": help(error) })
}

/// The error with its causes; what has been said is not said again.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let said = cause.to_string();
        if text.contains(&said) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&said);
    }
    text
}

fn help(error: &anyhow::Error) -> Option<String> {
    let own = error.downcast_ref::<Error>()?;
    match own.kind() {
        // The library does not know how it is called.
        ErrorKind::Dirty => Some(format!(
            "see what it did: `migration-guard resolve --version {}`",
            own.subject()
        )),
        ErrorKind::Unrecorded => own
            .help()
            .map(|help| format!("{help}; --allow-unrecorded runs it all the same")),
        _ => own.help().map(str::to_owned),
    }
}

fn snake(kind: ErrorKind) -> String {
    let mut name = String::new();
    for c in format!("{kind:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// The code of an error before which nothing was touched.
fn untouched(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Irreversible
        | ErrorKind::Conflict
        | ErrorKind::Dirty
        | ErrorKind::Edited
        | ErrorKind::OutOfOrder
        | ErrorKind::Unrecorded
        | ErrorKind::Busy
        | ErrorKind::NeedsHuman => 3,
        _ => 2,
    }
}

/// The code of an error of something that changes the database: only of some kinds is it sure that
/// it came before the first change.
pub(crate) fn touched(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Workspace
        | ErrorKind::Syntax
        | ErrorKind::Unsupported
        | ErrorKind::UnknownVersion
        | ErrorKind::Refused => 2,
        kind => match untouched(kind) {
            3 => 3,
            _ => 1,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || std::io::Error::from_raw_os_error(2);
        let own = Error::new(ErrorKind::Workspace, "read", "a")
            .because(cause().to_string())
            .with_source(cause());
        let said = chain(&own.into());
        assert_eq!(said.matches("os error 2").count(), 1, "{said}");
    }

    #[test]
    fn what_failed_half_way_is_neither_usage_nor_blocked() {
        assert_eq!(touched(ErrorKind::Connection), 1);
        assert_eq!(untouched(ErrorKind::Connection), 2);
        assert_eq!(untouched(ErrorKind::Refused), 2);
        assert_eq!(touched(ErrorKind::Dirty), 3);
        assert_eq!(snake(ErrorKind::LockTimeout), "lock_timeout");
    }
}
