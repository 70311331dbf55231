use std::io::Write as _;
use std::process::ExitCode;

use ripcord_backup::ErrorKind;

/// How a command ended, when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0: done.
    Done,
    /// 1: not all that was to be deleted could be.
    Failed,
    /// 3: the gate says no, less was proven than was asked for, or nobody consented to a loss.
    Refused,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Failed => ExitCode::FAILURE,
            Outcome::Refused => ExitCode::from(3),
        }
    }
}

/// 2: the invocation or its surroundings are wrong, and nothing was touched.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Says why on standard error: 2 for wrong usage, 6 when another run is at it, 1 for everything else.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    let backup = error.downcast_ref::<ripcord_backup::Error>();
    let conninfo = error.downcast_ref::<ripcord_conninfo::Error>();
    let help = backup
        .and_then(ripcord_backup::Error::help)
        .or_else(|| conninfo.and_then(ripcord_conninfo::Error::help));
    let prefix = if backup.is_some() || conninfo.is_some() {
        "failed to "
    } else {
        ""
    };
    let mut text = format!("error: {prefix}{error}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !cause.is_empty() && !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text.push('\n');
    if let Some(help) = help {
        text.push_str(&format!("help: {help}\n"));
    }
    // Nobody to tell if standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
    if backup.is_some_and(|error| error.kind() == ErrorKind::AlreadyRunning) {
        return ExitCode::from(6);
    }
    let unusable = backup.is_some_and(|error| error.kind() == ErrorKind::InvalidInput);
    if error.is::<Usage>() || conninfo.is_some() || unusable {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}
