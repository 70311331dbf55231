//! Progress on standard error, the result on standard output.

use std::io::Write;

use ripcord_health_probe::{GateObserver, GateReport, Round, Verdict};

/// One line on standard error for every round that is not healthy.
pub(crate) struct Lines;

impl GateObserver for Lines {
    fn round(&self, round: &Round) {
        for result in &round.results {
            if result.verdict != Verdict::Pass {
                let _ = writeln!(
                    std::io::stderr(),
                    "{:>7.1} s  {}  {result}",
                    round.at.as_secs_f64(),
                    result.verdict
                );
            }
        }
    }
}

/// The result: one line, or one JSON document (`"schema": 1`).
pub(crate) fn render(report: &GateReport, json: bool) -> String {
    if !json {
        return format!("{}: {report}", report.verdict);
    }
    let document = serde_json::json!({
        "schema": 1,
        "verdict": report.verdict,
        "reason_code": report.reason_code,
        "reason": report.reason,
        "attempts": report.attempts,
        "seconds": report.took.as_secs_f64(),
        "first_healthy_at": report.first_healthy_at.map(|d| d.as_secs_f64()),
        "seen": report.seen,
        "failing": report.failing,
    });
    document.to_string()
}
