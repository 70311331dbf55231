//! Asking before something is lost.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::Error;

/// Whether what was written since the backup may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    /// Nobody could be asked, or they said no.
    Missing,
}

/// Shows what would be lost on standard error. Without a reason given beforehand the answer has to
/// be typed: the name of what is live.
pub(crate) async fn ask(loss: &str, live: &str, reason: Option<&str>) -> Result<Consent, Error> {
    let mut stderr = std::io::stderr();
    stderr.write_all(loss.as_bytes())?;
    if let Some(reason) = reason {
        writeln!(stderr, "allowed: {reason}")?;
        return Ok(Consent::Given);
    }
    if !std::io::stdin().is_terminal() || !stderr.is_terminal() {
        return Ok(Consent::Missing);
    }
    write!(stderr, "Type {live} to go on: ")?;
    stderr.flush()?;
    let (told, answer) = tokio::sync::oneshot::channel();
    // A thread of its own: one that waits for a person would keep a runtime from ending.
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).is_ok() {
            drop(told.send(line));
        }
    });
    let answer = answer.await.unwrap_or_default();
    Ok(match answer.trim() == live {
        true => Consent::Given,
        false => Consent::Missing,
    })
}
