use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::lint::printable::{printable, printable_lines};
use crate::lint::{Finding, Lint, Severity};
use crate::sql::{Lines, Script};

/// What a terminal is wide; a line of SQL that is longer is shown in part.
const WIDTH: usize = 120;

/// A longer line of SQL is not shown at all: it was written by a program.
const LONGEST: usize = 4096;

/// The findings of at least `least` as text for people, each with its line of SQL.
///
/// `scripts` are the files that were judged; a finding in another file has no excerpt. What the
/// files hold cannot control a terminal: such characters are shown as pictures of themselves.
pub fn render(lint: &Lint, scripts: &[&Script], least: Severity) -> String {
    render_with(&Renderer::plain(), lint, scripts, least)
}

/// The same in colours, for a terminal.
pub fn render_styled(lint: &Lint, scripts: &[&Script], least: Severity) -> String {
    render_with(&Renderer::styled(), lint, scripts, least)
}

fn render_with(renderer: &Renderer, lint: &Lint, scripts: &[&Script], least: Severity) -> String {
    let renderer = renderer.clone().term_width(WIDTH);
    let texts: BTreeMap<&Path, Lines<'_>> = scripts
        .iter()
        .map(|script| (script.path(), Lines::new(script.text())))
        .collect();
    let mut out = String::new();
    for finding in lint.findings.iter().filter(|f| f.severity >= least) {
        let path = finding.file.display().to_string();
        let path = printable(&path);
        let group = group(finding, &path, texts.get(finding.file.as_path()));
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    // Writing to a String cannot fail.
    let _ = summary(lint, least, &mut out);
    out
}

fn group<'a>(finding: &'a Finding, path: &'a str, text: Option<&Lines<'a>>) -> Group<'a> {
    let message = printable(&finding.message);
    let level = match finding.severity {
        Severity::Blocker => Level::ERROR.with_name("blocker"),
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let group = level.primary_title(message).id(finding.rule.as_str());
    let line = text.map(|text| text.line(finding.line).trim_end());
    let mut group = match line.filter(|line| line.len() <= LONGEST) {
        Some(line) if !line.is_empty() => group.element(excerpt(finding, path, line)),
        _ => group.element(
            Origin::path(path)
                .line(finding.line as usize)
                .char_column(finding.column as usize),
        ),
    };
    if let Some(lock) = lock(finding) {
        let lock = printable(&lock).into_owned();
        group = group.element(Level::NOTE.with_name("lock").message(lock));
    }
    group = group.element(Level::NOTE.with_name("why").message(&finding.why));
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(printable_lines(help)));
    }
    group
}

fn excerpt<'a>(finding: &Finding, path: &'a str, line: &'a str) -> Snippet<'a, Annotation<'a>> {
    let line = printable(line);
    let column = finding.column.saturating_sub(1) as usize;
    let from = line.char_indices().nth(column).map_or(0, |(at, _)| at);
    let to = line.len();
    Snippet::source(line)
        .line_start(finding.line as usize)
        .path(path)
        .annotation(AnnotationKind::Primary.span(from..to))
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
    if let Some(estimate) = finding.estimate {
        text.push_str(&format!(", {estimate}"));
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
    write!(
        out,
        "{}; {} of {} statements analysed",
        counts.join(", "),
        lint.analysed,
        lint.statements
    )?;
    if let Some(silenced) = lint.silenced() {
        write!(out, "; {silenced}")?;
    }
    writeln!(out)
}
