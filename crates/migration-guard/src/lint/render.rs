use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::lint::{Finding, Lint, Severity};
use crate::sql::{Lines, Script};

/// The findings of at least `least` as text for people, each with its line of SQL.
///
/// `scripts` are the files that were judged; a finding in another file has no excerpt.
pub fn render(lint: &Lint, scripts: &[&Script], least: Severity) -> String {
    let texts: BTreeMap<&Path, Lines<'_>> = scripts
        .iter()
        .map(|script| (script.path(), Lines::new(script.text())))
        .collect();
    let mut out = String::new();
    for finding in lint.findings.iter().filter(|f| f.severity >= least) {
        // Writing to a String cannot fail.
        let _ = one(finding, texts.get(finding.file.as_path()), &mut out);
    }
    let _ = summary(lint, least, &mut out);
    out
}

fn one(finding: &Finding, text: Option<&Lines<'_>>, out: &mut String) -> std::fmt::Result {
    let number = finding.line.to_string();
    let pad = " ".repeat(number.len());
    writeln!(
        out,
        "{}[{}]: {}",
        finding.severity, finding.rule, finding.message
    )?;
    writeln!(
        out,
        "{pad}--> {}:{}:{}",
        finding.file.display(),
        finding.line,
        finding.column
    )?;
    if let Some(line) = text.map(|t| t.line(finding.line)) {
        let skip = finding.column.saturating_sub(1) as usize;
        let width = line.trim_end().chars().count().saturating_sub(skip).max(1);
        writeln!(out, "{pad} |")?;
        writeln!(out, "{number} | {line}")?;
        writeln!(out, "{pad} | {}{}", " ".repeat(skip), "^".repeat(width))?;
    }
    if let Some(lock) = lock(finding) {
        writeln!(out, "{pad} = lock: {lock}")?;
    }
    writeln!(out, "{pad} = why: {}", finding.why)?;
    if let Some(help) = &finding.help {
        let indent = format!("\n{pad}         ");
        writeln!(out, "{pad} = help: {}", help.replace('\n', &indent))?;
    }
    writeln!(out)
}

fn lock(finding: &Finding) -> Option<String> {
    let lock = finding.lock?;
    let table = finding.table.as_deref().unwrap_or("the table");
    let mut text = format!("{lock} on {table}");
    if lock.blocks_reads() {
        text.push_str(", readers and writers wait");
    } else if lock.blocks_writes() {
        text.push_str(", writers wait");
    }
    if finding.rewrite {
        text.push_str(", every row is rewritten");
    } else if finding.scan {
        text.push_str(", every row is read");
    }
    Some(text)
}

fn summary(lint: &Lint, least: Severity, out: &mut String) -> std::fmt::Result {
    let count = |severity| {
        lint.findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    };
    let counts: Vec<String> = [
        (Severity::Blocker, "blocker"),
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Info, "info"),
    ]
    .into_iter()
    .filter(|(severity, _)| *severity >= least)
    .map(|(severity, name)| format!("{} {name}", count(severity)))
    .collect();
    writeln!(
        out,
        "{}; {} of {} statements analysed",
        counts.join(", "),
        lint.analysed,
        lint.statements
    )
}
