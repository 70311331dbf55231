//! Exit codes: 0 pass, 2 usage, 3 fail, 5 could not decide.

use ripcord_health_probe::Verdict;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

/// The command line or the environment makes no sense; nothing was asked.
pub(crate) const USAGE: u8 = 2;
/// Inconclusive, the measuring is broken, or interrupted.
pub(crate) const UNDECIDED: u8 = 5;

pub(crate) fn of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 3,
        Verdict::Inconclusive | Verdict::SourceBroken => UNDECIDED,
    }
}

/// Ends with SIGINT or SIGTERM.
pub(crate) async fn asked_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
