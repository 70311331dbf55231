//! The four answers, and why.

use std::fmt;

/// What is known after looking. Four different answers; none stands in for another.
///
/// Ordered from best to worst, so the worst of many is their [`Verdict::fold`]:
/// `Pass < Inconclusive < SourceBroken < Fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Verdict {
    /// Measured, and good.
    Pass,
    /// Measured as far as possible, and that was not enough to decide.
    Inconclusive,
    /// The measuring itself does not work: no name resolution, program not found, no permission.
    SourceBroken,
    /// Measured, and bad.
    Fail,
}

impl Verdict {
    /// The worst of many. Of nothing at all it is [`Verdict::Inconclusive`]: no evidence is not a pass.
    pub fn fold(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts.into_iter().max().unwrap_or(Verdict::Inconclusive)
    }

    /// Whether something was measured: pass or fail.
    #[must_use]
    pub fn is_measured(self) -> bool {
        matches!(self, Verdict::Pass | Verdict::Fail)
    }

    /// The stable code: `pass`, `fail`, `inconclusive`, `source_broken`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Inconclusive => "inconclusive",
            Verdict::SourceBroken => "source_broken",
            Verdict::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a check answered as it did: a closed set, safe to show to anybody.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reason {
    /// All expectations held.
    Ok,
    /// The name did not resolve.
    Dns,
    /// Nobody listens there.
    ConnectRefused,
    /// No connection in time.
    ConnectTimeout,
    /// No route, network down, socket missing.
    Unreachable,
    /// The TLS handshake failed, or the certificate is not good.
    Tls,
    /// Another HTTP status than expected.
    HttpStatus,
    /// The answer's content or headers are not the expected ones.
    BodyMismatch,
    /// Right, but slower than the ceiling.
    TooSlow,
    /// Credentials missing, refused, or without the needed right.
    Auth,
    /// The peer broke off or does not speak the protocol.
    Protocol,
    /// A resource is past its limit: connections, disk, size, lag.
    Resource,
    /// Healthy, but another release than the expected one answered.
    WrongRelease,
    /// Asked which release it is, and it did not say.
    ReleaseUnknown,
    /// No complete answer in time.
    Timeout,
    /// A command ended with another status than 0.
    ExitStatus,
    /// The database refused the query.
    Query,
    /// The peer is up but says it is not ready yet.
    Starting,
    /// None of the others.
    Unknown,
}

impl Reason {
    /// The stable code, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Ok => "ok",
            Reason::Dns => "dns",
            Reason::ConnectRefused => "connect_refused",
            Reason::ConnectTimeout => "connect_timeout",
            Reason::Unreachable => "unreachable",
            Reason::Tls => "tls",
            Reason::HttpStatus => "http_status",
            Reason::BodyMismatch => "body_mismatch",
            Reason::TooSlow => "too_slow",
            Reason::Auth => "auth",
            Reason::Protocol => "protocol",
            Reason::Resource => "resource",
            Reason::WrongRelease => "wrong_release",
            Reason::ReleaseUnknown => "release_unknown",
            Reason::Timeout => "timeout",
            Reason::ExitStatus => "exit_status",
            Reason::Query => "query",
            Reason::Starting => "starting",
            Reason::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_is_not_a_pass() {
        assert_eq!(Verdict::fold([]), Verdict::Inconclusive);
    }

    #[test]
    fn worst_wins() {
        use Verdict::{Fail, Inconclusive, Pass, SourceBroken};
        assert_eq!(Verdict::fold([Pass, Inconclusive]), Inconclusive);
        assert_eq!(Verdict::fold([Inconclusive, SourceBroken]), SourceBroken);
        assert_eq!(Verdict::fold([Fail, SourceBroken, Pass]), Fail);
    }
}
