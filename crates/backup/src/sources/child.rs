//! Running a tool: what it is fed, how it ends, and its last words.

use std::process::ExitStatus;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, Command};

use crate::{Error, ErrorKind};

/// How much of what a child says is kept; the end says why it failed.
const KEPT: usize = 64 * 1024;

/// Starts a tool.
///
/// # Errors
/// `ToolMissing` when it cannot be.
pub(super) fn spawn(mut command: Command) -> Result<Child, Error> {
    command.spawn().map_err(|source| {
        let tool = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        Error::new("start", tool, ErrorKind::ToolMissing, source.to_string()).with_source(source)
    })
}

/// How a child ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The end of its standard error.
    pub(super) said: String,
    /// The end of its standard output.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "the client of MySQL prints nothing")
    )]
    pub(super) printed: String,
}

/// Whether a child was given all that there is.
pub(super) enum Fed<T> {
    /// It was, or it closed its end before; why, its status says.
    Whole,
    /// It must not go on with what it has.
    Stopped(T),
}

/// Lets `feed` write into a child until it ends. One that is not given all is killed: it would
/// take what it has for the whole.
///
/// # Errors
/// When the child cannot be waited for.
pub(super) async fn run_fed<T>(
    mut child: Child,
    feed: impl AsyncFnOnce(Option<ChildStdin>) -> Fed<T>,
) -> std::io::Result<(Fed<T>, Ended)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feeding = async {
        let fed = feed(stdin).await;
        if matches!(fed, Fed::Stopped(_)) && child.start_kill().is_err() {
            tracing::debug!("a child that was to be killed had ended already");
        }
        (fed, child)
    };
    let ((fed, mut child), said, printed) = tokio::join!(feeding, tail(stderr), tail(stdout));
    let status = child.wait().await?;
    let ended = Ended {
        status,
        said,
        printed,
    };
    Ok((fed, ended))
}

/// The last part of what a child writes.
pub(super) async fn tail(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut buffer = [0; 8 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Strikes out secrets, should a tool repeat one.
pub(super) fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    secrets
        .into_iter()
        // A password of two letters would tear the text apart without hiding anything.
        .filter(|secret| secret.len() > 2)
        .fold(text.trim().to_owned(), |text, secret| {
            text.replace(secret, "***")
        })
}
