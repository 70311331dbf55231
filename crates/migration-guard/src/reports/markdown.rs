use std::fmt::Write;

use crate::lint::{printable, printable_lines, uri};
use crate::{Finding, Lint, Severity};

/// The first line of the comment: whoever posts it looks for this, and replaces the comment that
/// begins so instead of adding one at each push.
pub const MARKER: &str = "<!-- ripcord: migration-guard -->";

/// GitHub refuses a comment of more than 65,536 characters.
const LONGEST: usize = 60_000;

/// One comment for a pull request, findings of at least `least`, the worst first.
pub fn markdown(lint: &Lint, least: Severity) -> String {
    let mut shown: Vec<&Finding> = lint
        .findings
        .iter()
        .filter(|f| f.severity >= least)
        .collect();
    shown.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let mut out = format!("{MARKER}\n### Migrations\n\n");
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{}, {} of {} statements analysed{}.\n\n",
        counts(lint),
        lint.analysed,
        lint.statements,
        lint.silenced()
            .map_or_else(String::new, |s| format!(", {}", cell(&s))),
    );
    if shown.is_empty() {
        return out;
    }
    out.push_str("| | where | what |\n|---|---|---|\n");
    for (at, finding) in shown.iter().enumerate() {
        let row = format!(
            "| **{}** | {}:{} | {}<br>{} |\n",
            finding.severity,
            code(&uri(&finding.file)),
            finding.line,
            cell(&finding.message),
            code(&finding.rule),
        );
        if out.len() + row.len() > LONGEST {
            let _ = write!(out, "\nand {} more.\n", shown.len() - at);
            return out;
        }
        out.push_str(&row);
    }
    for finding in shown {
        let Some(help) = &finding.help else {
            continue;
        };
        let fence = fence(help);
        let part = format!(
            "\n<details><summary>{}:{} {}</summary>\n\n{}.\n\n{fence}sql\n{}\n{fence}\n\n</details>\n",
            html(&uri(&finding.file)),
            finding.line,
            html(&finding.rule),
            cell(&finding.why),
            printable_lines(help.trim_end()),
        );
        if out.len() + part.len() > LONGEST {
            break;
        }
        out.push_str(&part);
    }
    out
}

fn counts(lint: &Lint) -> String {
    let count = |severity| {
        let found = lint.findings.iter().filter(|f| f.severity == severity);
        (found.count(), severity)
    };
    let counts = [
        Severity::Blocker,
        Severity::Error,
        Severity::Warning,
        Severity::Info,
    ];
    let counts: Vec<String> = counts
        .map(count)
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{count} {severity}"))
        .collect();
    match counts.is_empty() {
        true => "No findings".to_owned(),
        false => counts.join(", "),
    }
}

/// Names in a migration are the author's: they neither end a cell nor become markup.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in html(text).chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' | '@' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

fn html(text: &str) -> String {
    printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// As code, which nothing in it ends.
fn code(text: &str) -> String {
    let text = printable(text).replace('`', "'").replace('|', "\\|");
    format!("`{text}`")
}

fn fence(text: &str) -> String {
    let mut longest = 0;
    let mut now = 0;
    for c in text.chars() {
        now = if c == '`' { now + 1 } else { 0 };
        longest = longest.max(now);
    }
    "`".repeat(longest.max(2) + 1)
}
