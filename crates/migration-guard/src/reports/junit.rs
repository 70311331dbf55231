use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::lint::{printable, printable_lines};
use crate::{Finding, Lint, Severity};

/// A JUnit report: a suite for each of `files`, a case for each finding in it. What is below
/// [`Severity::Error`] passes and says so; a file without findings is one case that passes.
pub fn junit(lint: &Lint, files: &[&Path]) -> String {
    let mut by_file: BTreeMap<PathBuf, Vec<&Finding>> = files
        .iter()
        .map(|file| (file.to_path_buf(), Vec::new()))
        .collect();
    for finding in &lint.findings {
        by_file
            .entry(finding.file.clone())
            .or_default()
            .push(finding);
    }
    let mut report = Report::new("migration-guard");
    for (file, findings) in by_file {
        let name = printable(&file.to_string_lossy()).into_owned();
        let mut suite = TestSuite::new(name.clone());
        if findings.is_empty() {
            let mut clean = TestCase::new("no findings", TestCaseStatus::success());
            clean.set_classname(name);
            suite.add_test_case(clean);
        } else {
            suite.add_test_cases(findings.into_iter().map(|f| case(f, &name)));
        }
        report.add_test_suite(suite);
    }
    if let Some(silenced) = lint.silenced() {
        let mut suite = TestSuite::new("not shown");
        suite.add_test_case(TestCase::new(silenced, TestCaseStatus::success()));
        report.add_test_suite(suite);
    }
    // A document in memory, all of whose parts are text, can be written.
    report.to_string().unwrap_or_default()
}

fn case(finding: &Finding, file: &str) -> TestCase {
    let text = [
        Some(format!("{file}:{}:{}", finding.line, finding.column)),
        Some(format!("why: {}", finding.why)),
        finding
            .help
            .as_ref()
            .map(|help| format!("help: {}", printable_lines(help))),
    ];
    let message = printable(&finding.message);
    let text = text.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let status = if finding.severity >= Severity::Error {
        let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
        failed
            .set_message(message.as_ref())
            .set_type(finding.severity.to_string())
            .set_description(text.as_str());
        failed
    } else {
        TestCaseStatus::success()
    };
    let name = format!("{} (line {})", finding.rule, finding.line);
    let passes = finding.severity < Severity::Error;
    let mut case = TestCase::new(name, status);
    case.set_classname(file);
    if passes {
        case.set_system_out(format!("{}: {message}\n{text}", finding.severity));
    }
    case
}
