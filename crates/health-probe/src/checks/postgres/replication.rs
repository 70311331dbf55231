//! Replication lag, told apart from an idle primary and from a stream that was cut.
//!
//! The age of the last replayed transaction alone is no lag: it grows while
//! nobody writes. "Everything received is replayed" alone is no health: it is
//! also true when nothing is received any more.

use std::time::Duration;

use tokio_postgres::Client;

use super::{Finding, Findings};
use crate::{Observation, Reason, Verdict};

/// Limits on replication.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationLimits {
    /// The oldest acknowledged transaction that a standby may still lack.
    pub max_lag: Duration,
    /// On a primary: how many standbys must be streaming.
    pub standbys: u32,
}

impl ReplicationLimits {
    /// At most `max_lag` behind; a primary must have at least `standbys` of them.
    #[must_use]
    pub fn new(max_lag: Duration, standbys: u32) -> Self {
        Self { max_lag, standbys }
    }
}

/// Senders say something at least every half `wal_sender_timeout` (60 s).
const SILENCE: f64 = 60.0;

/// The view keeps the lag of the last busy time for a while, so it counts only for a standby that
/// is behind; and it is refreshed by replies only, so a silent standby's is at least its silence.
const PRIMARY: &str = "
    SELECT count(*) FILTER (WHERE state = 'streaming'),
           count(*) FILTER (WHERE state IS NULL),
           coalesce(max(extract(epoch FROM replay_lag))
               FILTER (WHERE replay_lsn < pg_current_wal_lsn()), 0)::float8,
           coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)::float8,
           coalesce(max(extract(epoch FROM clock_timestamp() - reply_time))
               FILTER (WHERE replay_lsn < pg_current_wal_lsn()), 0)::float8
    FROM pg_catalog.pg_stat_replication";

const STANDBY: &str = "
    SELECT r.status,
           coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), false),
           extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
           extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time)::float8
    FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_stat_wal_receiver r ON true";

pub(super) async fn measure(
    client: &Client,
    limits: &ReplicationLimits,
    findings: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    let standby: bool = client
        .query_one("SELECT pg_catalog.pg_is_in_recovery()", &[])
        .await?
        .get(0);
    if standby {
        let row = client.query_one(STANDBY, &[]).await?;
        let seen = Standby {
            status: row.get(0),
            caught_up: row.get(1),
            replay_age: row.get(2),
            silence: row.get(3),
        };
        seen.judge(limits, findings);
    } else {
        let row = client.query_one(PRIMARY, &[]).await?;
        let seen = Primary {
            streaming: row.get(0),
            hidden: row.get(1),
            lag: row.get(2),
            bytes: row.get(3),
            unanswered: row.get(4),
        };
        seen.judge(limits, findings);
    }
    Ok(())
}

/// What a primary knows of its standbys.
struct Primary {
    streaming: i64,
    /// Standbys that this user may not look at.
    hidden: i64,
    /// Seconds, of the worst one. Zero when all is quiet.
    lag: f64,
    bytes: f64,
    /// Seconds since the last word of a standby that is behind.
    unanswered: f64,
}

impl Primary {
    fn judge(&self, limits: &ReplicationLimits, findings: &mut Findings) {
        if self.hidden > 0 {
            findings.found.push(unknown(
                Reason::Auth,
                "the standbys are hidden from this user; it needs the role pg_monitor",
            ));
            return;
        }
        let (streaming, wanted) = (self.streaming as f64, f64::from(limits.standbys));
        findings
            .observed
            .push(Observation::new("standbys", streaming, "", Some(wanted)));
        if streaming < wanted {
            findings.past(format!(
                "{streaming} standbys are streaming, {wanted} wanted"
            ));
        }
        findings.observed.push(Observation::new(
            "replication_distance",
            self.bytes,
            "bytes",
            None,
        ));
        let max = limits.max_lag.as_secs_f64();
        // A standby that is behind and silent is at least as far behind as it is silent.
        let lag = self.lag.max(if self.unanswered > max {
            self.unanswered
        } else {
            0.0
        });
        findings.at_most("replication_lag", lag, "s", Some(max));
    }
}

/// What a standby knows of itself.
struct Standby {
    /// Of the receiver; `None` when there is none.
    status: Option<String>,
    caught_up: bool,
    /// Seconds since the newest replayed transaction was committed.
    replay_age: Option<f64>,
    /// Seconds since the primary said anything.
    silence: Option<f64>,
}

impl Standby {
    fn judge(&self, limits: &ReplicationLimits, findings: &mut Findings) {
        if self.status.as_deref() != Some("streaming") {
            findings.found.push(unknown(
                Reason::Unknown,
                "nothing is being received, so the lag is not known",
            ));
            return;
        }
        if self.silence.is_none_or(|s| s > SILENCE) {
            findings.found.push(unknown(
                Reason::Unknown,
                "the primary has been silent, so the lag is not known",
            ));
            return;
        }
        let lag = if self.caught_up {
            Some(0.0)
        } else {
            self.replay_age
        };
        match lag {
            Some(lag) => {
                let max = limits.max_lag.as_secs_f64();
                findings.at_most("replication_lag", lag, "s", Some(max));
            }
            None => findings.found.push(unknown(
                Reason::Unknown,
                "nothing was replayed yet, so the lag is not known",
            )),
        }
    }
}

fn unknown(reason: Reason, detail: &str) -> Finding {
    (Verdict::Inconclusive, reason, detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ReplicationLimits {
        ReplicationLimits::new(Duration::from_secs(10), 1)
    }

    fn verdict(judge: impl Fn(&ReplicationLimits, &mut Findings)) -> Verdict {
        let mut findings = Findings::default();
        judge(&limits(), &mut findings);
        findings
            .found
            .iter()
            .map(|f| f.0)
            .max()
            .unwrap_or(Verdict::Pass)
    }

    fn standby() -> Standby {
        Standby {
            status: Some("streaming".to_owned()),
            caught_up: true,
            replay_age: Some(86_400.0),
            silence: Some(5.0),
        }
    }

    fn primary() -> Primary {
        Primary {
            streaming: 1,
            hidden: 0,
            lag: 0.0,
            bytes: 0.0,
            unanswered: 0.0,
        }
    }

    #[test]
    fn an_idle_primary_is_no_lag() {
        assert_eq!(verdict(|l, f| standby().judge(l, f)), Verdict::Pass);
        assert_eq!(verdict(|l, f| primary().judge(l, f)), Verdict::Pass);
    }

    #[test]
    fn a_cut_stream_is_not_zero() {
        let no_receiver = Standby {
            status: None,
            silence: None,
            ..standby()
        };
        assert_eq!(
            verdict(|l, f| no_receiver.judge(l, f)),
            Verdict::Inconclusive
        );
        let silent = Standby {
            silence: Some(300.0),
            ..standby()
        };
        assert_eq!(verdict(|l, f| silent.judge(l, f)), Verdict::Inconclusive);
        let gone = Primary {
            streaming: 0,
            ..primary()
        };
        assert_eq!(verdict(|l, f| gone.judge(l, f)), Verdict::Fail);
    }

    #[test]
    fn behind_is_behind() {
        let behind = Standby {
            caught_up: false,
            replay_age: Some(11.0),
            ..standby()
        };
        assert_eq!(verdict(|l, f| behind.judge(l, f)), Verdict::Fail);
        let known = Primary {
            lag: 11.0,
            ..primary()
        };
        assert_eq!(verdict(|l, f| known.judge(l, f)), Verdict::Fail);
        let silent = Primary {
            bytes: 1e6,
            unanswered: 40.0,
            ..primary()
        };
        assert_eq!(verdict(|l, f| silent.judge(l, f)), Verdict::Fail);
    }

    #[test]
    fn what_may_not_be_seen_is_not_known() {
        let hidden = Primary {
            hidden: 1,
            ..primary()
        };
        assert_eq!(verdict(|l, f| hidden.judge(l, f)), Verdict::Inconclusive);
    }
}
