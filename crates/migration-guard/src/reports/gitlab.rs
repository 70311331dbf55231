use serde_json::{Value, json};

use crate::lint::{Fingerprints, uri};
use crate::{Lint, Severity};

/// A code quality report as GitLab shows it in merge requests.
///
/// <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>
pub fn gitlab(lint: &Lint) -> String {
    let mut fingerprints = Fingerprints::default();
    let issues: Vec<Value> = lint
        .findings
        .iter()
        .map(|finding| {
            json!({
                "description": format!("{}: {}", finding.message, finding.why),
                "check_name": finding.rule,
                "fingerprint": fingerprints.of(finding),
                "severity": match finding.severity {
                    Severity::Info => "info",
                    Severity::Warning => "minor",
                    Severity::Error => "major",
                    Severity::Blocker => "blocker",
                },
                "location": {
                    "path": uri(&finding.file),
                    "lines": { "begin": finding.line },
                },
            })
        })
        .collect();
    Value::from(issues).to_string()
}
