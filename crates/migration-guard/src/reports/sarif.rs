use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::lint::{Fingerprints, printable, printable_lines, uri};
use crate::{Finding, Lint, Severity};

/// A log in SARIF 2.1.0, as code scanning services take it.
///
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub fn sarif(lint: &Lint) -> String {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in &lint.findings {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let index: BTreeMap<&str, usize> = rules.keys().copied().zip(0..).collect();
    let mut fingerprints = Fingerprints::default();
    let results: Vec<Value> = lint
        .findings
        .iter()
        .map(|finding| result(finding, index[finding.rule.as_str()], &mut fingerprints))
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "migration-guard",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "statements": lint.statements,
                "analysed": lint.analysed,
                "acknowledged": lint.acknowledged.len(),
                "turnedOff": lint.turned_off,
                "policy": lint.policy.as_ref().map(|file| uri(file)),
            },
        }],
    })
    .to_string()
}

fn rule(finding: &Finding) -> Value {
    json!({
        "id": finding.rule,
        "shortDescription": { "text": finding.rule.replace('-', " ") },
        "fullDescription": { "text": sentence(&finding.why) },
        "defaultConfiguration": { "level": level(finding.severity) },
    })
}

fn result(finding: &Finding, rule: usize, fingerprints: &mut Fingerprints) -> Value {
    let message = printable(&finding.message);
    let mut text = format!("{message}: {}", sentence(&finding.why));
    if let Some(help) = &finding.help {
        text.push_str("\n\n");
        text.push_str(&printable_lines(help));
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": artifact(&finding.file) },
            "region": { "startLine": finding.line, "startColumn": finding.column },
        }}],
        "partialFingerprints": { "ripcord/v1": fingerprints.of(finding) },
        "properties": {
            "severity": finding.severity.to_string(),
            "rewrite": finding.rewrite,
            "scan": finding.scan,
        },
    });
    if let Some(lock) = finding.lock {
        result["properties"]["lock"] = json!(lock.to_string());
    }
    if let Some(table) = &finding.table {
        result["properties"]["table"] = json!(printable(table));
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// A relative reference or a file URI, with what a URI may not hold percent-encoded.
fn artifact(path: &Path) -> String {
    let mut out = String::new();
    let text = uri(path);
    if text.starts_with('/') {
        out.push_str("file://");
    }
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
