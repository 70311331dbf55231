//! Two public renderings: plain JSON, and `application/health+json`.

use serde_json::{Map, Value, json};

use super::readiness::Snapshot;
use crate::{CheckResult, Critical, Verdict};

/// What the service is doing, as far as the public may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Healthy,
    Unhealthy,
    Maintenance,
}

impl Status {
    pub(super) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Status::Healthy,
            Verdict::Inconclusive | Verdict::SourceBroken | Verdict::Fail => Status::Unhealthy,
        }
    }

    pub(super) fn is_good(self) -> bool {
        self == Status::Healthy
    }

    fn plain(self) -> &'static str {
        match self {
            Status::Healthy => "healthy",
            Status::Unhealthy => "unhealthy",
            Status::Maintenance => "maintenance",
        }
    }
}

/// What one answer shows.
pub(super) struct Shown<'a> {
    pub(super) service: &'a str,
    pub(super) release: Option<&'a str>,
    pub(super) status: Status,
    /// `None`: this endpoint does not show single checks.
    pub(super) snapshot: Option<&'a Snapshot>,
}

impl Shown<'_> {
    /// `{"status","checks"}`: names, statuses and reason codes, no texts.
    pub(super) fn plain(&self) -> Value {
        let checks: Map<String, Value> = self
            .results()
            .map(|(critical, result)| {
                let mut check = json!({
                    "status": Status::of(result.verdict).plain(),
                    "reason": result.reason.as_str(),
                });
                if critical == Critical::No {
                    check["critical"] = Value::Bool(false);
                }
                (result.name.clone(), check)
            })
            .collect();
        json!({ "status": self.status.plain(), "checks": checks })
    }

    /// The vocabulary of draft-inadarei-api-health-check-06: pass, warn, fail.
    pub(super) fn health_json(&self) -> Value {
        let warn = self.results().any(|(_, r)| r.verdict != Verdict::Pass);
        let status = match (self.status.is_good(), warn) {
            (true, false) => "pass",
            (true, true) => "warn",
            (false, _) => "fail",
        };
        let checks: Map<String, Value> = self
            .results()
            .map(|(critical, result)| {
                let status = match (result.verdict, critical) {
                    (Verdict::Pass, _) => "pass",
                    (_, Critical::No) => "warn",
                    (_, Critical::Yes) => "fail",
                };
                let check = json!([{ "status": status, "reason": result.reason.as_str() }]);
                (result.name.clone(), check)
            })
            .collect();
        let mut body = json!({ "status": status, "serviceId": self.service, "checks": checks });
        if let Some(release) = self.release {
            body["releaseId"] = Value::String(release.to_owned());
        }
        if self.status == Status::Maintenance {
            body["notes"] = json!(["maintenance"]);
        }
        body
    }

    fn results(&self) -> impl Iterator<Item = (Critical, &CheckResult)> {
        self.snapshot
            .into_iter()
            .flat_map(|s| &s.results)
            .map(|(critical, result)| (*critical, result))
    }
}
