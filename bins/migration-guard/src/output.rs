//! What was found, in the format that was asked for.

use std::borrow::Cow;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ripcord_migration_guard::{Lint, Script, Severity, render, render_styled, reports};

use crate::cli::{Format, LintArgs};

/// Whether any of what is asked for shows lines of SQL.
pub(crate) fn shows_excerpts(args: &LintArgs) -> bool {
    formats(args).any(|format| format == Format::Text)
}

fn formats(args: &LintArgs) -> impl Iterator<Item = Format> {
    let reports = args.report.iter().map(|report| report.format);
    reports.chain([format(args)])
}

fn format(args: &LintArgs) -> Format {
    if args.json { Format::Json } else { args.format }
}

/// Collects what was found, and writes it to stdout and into every file that a report goes to.
pub(crate) struct Report<'a> {
    args: &'a LintArgs,
    /// Files of SQL below the given folders that nobody reads.
    unread: Vec<PathBuf>,
    /// All that was found, unless the document is all that is asked for.
    lint: Lint,
    scripts: Vec<Script>,
    /// The document's findings, written already: they take a third of the room.
    findings: Vec<u8>,
    worst: Option<Severity>,
}

impl<'a> Report<'a> {
    /// `policy` is the file of the policy, if there is one.
    pub(crate) fn new(args: &'a LintArgs, policy: Option<PathBuf>, unread: Vec<PathBuf>) -> Self {
        let mut lint = Lint::default();
        lint.policy = policy;
        Self {
            args,
            unread,
            lint,
            scripts: Vec::new(),
            findings: Vec::new(),
            worst: None,
        }
    }

    pub(crate) fn worst(&self) -> Option<Severity> {
        self.worst
    }

    pub(crate) fn add(&mut self, some: Lint, scripts: Vec<Script>) -> anyhow::Result<()> {
        self.worst = self.worst.max(some.worst());
        self.lint.statements += some.statements;
        self.lint.analysed += some.analysed;
        self.lint.acknowledged.extend(some.acknowledged);
        self.lint.turned_off += some.turned_off;
        self.scripts.extend(scripts);
        if formats(self.args).any(|format| format == Format::Json) {
            for finding in &some.findings {
                if !self.findings.is_empty() {
                    self.findings.push(b',');
                }
                serde_json::to_writer(&mut self.findings, finding).context("write a finding")?;
            }
        }
        if formats(self.args).any(|format| format != Format::Json) {
            self.lint.findings.extend(some.findings);
        }
        Ok(())
    }

    pub(crate) fn write(&self, files: &[&Path]) -> anyhow::Result<()> {
        for report in &self.args.report {
            std::fs::File::create(&report.file)
                .and_then(|file| self.write_as(report.format, files, false, file))
                .with_context(|| format!("write the report {}", report.file.display()))?;
        }
        let out = std::io::stdout().lock();
        let colours = out.is_terminal();
        self.write_as(format(self.args), files, colours, out)
            .context("write the result")
    }

    fn write_as(
        &self,
        format: Format,
        files: &[&Path],
        colours: bool,
        out: impl Write,
    ) -> std::io::Result<()> {
        let (lint, least) = (&self.lint, self.args.level.into());
        let mut out = BufWriter::new(out);
        let scripts = || self.scripts.iter().collect::<Vec<&Script>>();
        let text = match format {
            Format::Json => {
                self.write_document(&mut out)?;
                String::new()
            }
            Format::Text if colours => render_styled(lint, &scripts(), least),
            Format::Text => render(lint, &scripts(), least),
            Format::Sarif => reports::sarif(lint),
            Format::Github => reports::github(lint, least),
            Format::Gitlab => reports::gitlab(lint),
            Format::Junit => reports::junit(lint, files),
            Format::Markdown => reports::markdown(lint, least),
        };
        out.write_all(text.as_bytes())?;
        // Without annotations there is nothing to say, not even an empty line.
        if !text.ends_with('\n') && (format != Format::Github || !text.is_empty()) {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// The keys are a contract.
    fn write_document(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(b"{\"schema\":1,\"findings\":[")?;
        out.write_all(&self.findings)?;
        let Lint {
            statements,
            analysed,
            acknowledged,
            turned_off,
            policy,
            ..
        } = &self.lint;
        let statements = serde_json::json!({ "total": statements, "analysed": analysed });
        write!(out, "],\"statements\":{statements},\"acknowledged\":")?;
        serde_json::to_writer(&mut *out, acknowledged)?;
        write!(out, ",\"turned_off\":{turned_off},\"policy\":")?;
        serde_json::to_writer(&mut *out, policy)?;
        out.write_all(b",\"not_read\":")?;
        serde_json::to_writer(&mut *out, &self.unread)?;
        out.write_all(b"}")
    }
}

/// Writes one line about the work itself to stderr. Names in it are other people's, and cannot control
/// a terminal or a log.
pub(crate) fn note(text: &str) {
    // A courtesy: a closed stderr stops nothing.
    let _ = writeln!(std::io::stderr(), "{}", printable(text));
}

/// `text` on one line and without what could control a terminal, for everything that is written as text.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    reports::printable(text)
}
