//! What was found, in the format that was asked for.

use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::Path;

use anyhow::Context as _;
use ripcord_migration_guard::{
    Acknowledged, Finding, Lint, Script, Severity, render, render_styled, reports,
};
use serde::Serialize;

use crate::cli::{Format, LintArgs};

/// Writes it to stdout, and to every file that a report goes to.
pub(crate) fn write(
    lint: &Lint,
    scripts: &[Script],
    files: &[&Path],
    args: &LintArgs,
) -> anyhow::Result<()> {
    let least = args.level.into();
    let format = if args.json { Format::Json } else { args.format };
    let view = View {
        lint,
        scripts,
        files,
        least,
    };
    for report in &args.report {
        let file = std::fs::File::create(&report.file)
            .and_then(|file| view.write(report.format, false, file));
        file.with_context(|| format!("write the report {}", report.file.display()))?;
    }
    let out = std::io::stdout().lock();
    let colours = out.is_terminal();
    view.write(format, colours, out).context("write the result")
}

struct View<'a> {
    lint: &'a Lint,
    scripts: &'a [Script],
    files: &'a [&'a Path],
    least: Severity,
}

/// The keys are a contract.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    findings: &'a [Finding],
    statements: Statements,
    acknowledged: &'a [Acknowledged],
}

#[derive(Serialize)]
struct Statements {
    total: usize,
    analysed: usize,
}

impl View<'_> {
    fn write(&self, format: Format, colours: bool, out: impl Write) -> std::io::Result<()> {
        let Self { lint, least, .. } = *self;
        let mut out = BufWriter::new(out);
        let scripts = || self.scripts.iter().collect::<Vec<&Script>>();
        let text = match format {
            Format::Json => {
                let document = Document {
                    schema: 1,
                    findings: &lint.findings,
                    statements: Statements {
                        total: lint.statements,
                        analysed: lint.analysed,
                    },
                    acknowledged: &lint.acknowledged,
                };
                serde_json::to_writer(&mut out, &document)?;
                String::new()
            }
            Format::Text if colours => render_styled(lint, &scripts(), least),
            Format::Text => render(lint, &scripts(), least),
            Format::Sarif => reports::sarif(lint),
            Format::Github => reports::github(lint, least),
            Format::Gitlab => reports::gitlab(lint),
            Format::Junit => reports::junit(lint, self.files),
            Format::Markdown => reports::markdown(lint, least),
        };
        out.write_all(text.as_bytes())?;
        // Without annotations there is nothing to say, not even an empty line.
        if !text.ends_with('\n') && (format != Format::Github || !text.is_empty()) {
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}
