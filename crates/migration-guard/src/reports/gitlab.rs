use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::lint::{Fingerprints, printable, uri};
use crate::{Lint, Severity};

/// A code quality report as GitLab shows it in merge requests.
///
/// <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>
pub fn gitlab(lint: &Lint) -> String {
    let mut fingerprints = Fingerprints::default();
    let mut issues: Vec<Value> = lint
        .findings
        .iter()
        .map(|finding| {
            json!({
                "description": format!("{}: {}", printable(&finding.message), finding.why),
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
    issues.extend(silenced(lint));
    Value::from(issues).to_string()
}

/// What is not reported is told, as one issue of the policy's file, or of the first file that says so.
fn silenced(lint: &Lint) -> Option<Value> {
    let text = lint.silenced()?;
    let first = lint.acknowledged.first().map(|a| &a.finding.file);
    let file = lint.policy.as_ref().or(first);
    let path = file.map_or_else(|| "migration-guard".to_owned(), |file| uri(file));
    let mut hash = Sha256::new();
    hash.update(format!("not shown: {path}"));
    let digest = hash.finalize();
    let print: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
    Some(json!({
        "description": format!("not shown: {text}"),
        "check_name": "acknowledged",
        "fingerprint": print,
        "severity": "info",
        "location": { "path": path, "lines": { "begin": 1 } },
    }))
}
