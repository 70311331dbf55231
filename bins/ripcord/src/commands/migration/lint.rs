use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ripcord_migration_guard::{
    Finding, Lint, Migration, Script, Severity, Transactional, Unit, render, reports,
};
use serde_json::{Value, json};

use super::{folder, told};
use crate::cli::LintFormat;
use crate::compose::{acknowledged_in_sql, apply};
use crate::config::{MigrationTool, MigrationsConfig};
use crate::exit::Exit;
use crate::wiring::{ReleaseMigrator, Wiring, assess_for, lint_options};

pub(super) async fn lint(
    wiring: &Wiring,
    paths: &[PathBuf],
    release: Option<&str>,
    format: LintFormat,
    json: bool,
) -> Result<Exit> {
    let (migrations, _) = wiring.migrations()?;
    let mut linted = Linted::default();
    let folders = match paths {
        [] => vec![folder(wiring, release).await?],
        paths => paths.to_vec(),
    };
    for path in folders {
        if path.is_file() {
            linted.file(migrations, &path)?;
        } else {
            let opened = wiring.migrations_in(path).await?;
            linted.folder(migrations, &opened).await?;
        }
    }
    let format = if json { LintFormat::Json } else { format };
    linted.apply(wiring, migrations);
    Ok(linted.show(wiring, format))
}

/// What the linter says about several files.
#[derive(Debug, Default)]
pub(super) struct Linted {
    lint: Lint,
    scripts: Vec<Script>,
}

impl Linted {
    /// Each file of SQL by itself; of a framework what is pending, as one chain, because only its own code knows the SQL.
    async fn folder(&mut self, config: &MigrationsConfig, opened: &ReleaseMigrator) -> Result<()> {
        let Some(layout) = opened.layout() else {
            let status = opened.status().await.map_err(|e| told(&e))?;
            return self.judged(config, &status.pending);
        };
        for migration in layout.read(opened.workspace()).map_err(|e| told(&e))? {
            self.judged(config, std::slice::from_ref(&migration))?;
        }
        Ok(())
    }

    /// A chain of migrations, judged as one.
    pub(super) fn judged(&mut self, config: &MigrationsConfig, chain: &[Migration]) -> Result<()> {
        let judged = assess_for(config, chain).map_err(|e| told(&e))?;
        let mut found = judged.to_lint();
        found.acknowledged = acknowledged_in_sql(config, chain).map_err(|e| told(&e))?;
        self.add(found);
        self.scripts_of(config, chain)
    }

    /// The lines that findings show; of a framework's SQL there are none.
    pub(super) fn scripts_of(
        &mut self,
        config: &MigrationsConfig,
        chain: &[Migration],
    ) -> Result<()> {
        if !matches!(config.tool, MigrationTool::Sql(_)) {
            return Ok(());
        }
        for migration in chain {
            let script = Script::parse(&migration.up, &migration.up_sql);
            self.scripts.push(script.map_err(|e| told(&e))?);
        }
        Ok(())
    }

    fn file(&mut self, config: &MigrationsConfig, path: &Path) -> Result<()> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text =
            String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))?;
        let script = Script::parse(path, &text).map_err(|e| told(&e))?;
        let unit = Unit {
            script: script.clone(),
            transaction: Transactional::Yes,
        };
        let found = ripcord_migration_guard::lint(&[unit], &lint_options(config));
        self.add(found.map_err(|e| told(&e))?);
        self.scripts.push(script);
        Ok(())
    }

    pub(super) fn add(&mut self, found: Lint) {
        self.lint.findings.extend(found.findings);
        self.lint.acknowledged.extend(found.acknowledged);
        self.lint.statements += found.statements;
        self.lint.analysed += found.analysed;
    }

    pub(super) fn apply(&mut self, wiring: &Wiring, config: &MigrationsConfig) {
        // Without releases the files are named as they were given.
        let base = wiring.releases().unwrap_or_default();
        apply(&config.policy, &base, &mut self.lint);
    }

    pub(super) fn show(&self, wiring: &Wiring, format: LintFormat) -> Exit {
        let (lint, least) = (&self.lint, Severity::Warning);
        let output = &wiring.output;
        match format {
            LintFormat::Json => output.json(self.document()),
            LintFormat::Text => {
                let scripts: Vec<&Script> = self.scripts.iter().collect();
                output.result(&render(lint, &scripts, least));
            }
            LintFormat::Sarif => output.result(&reports::sarif(lint)),
            LintFormat::Github => {
                let text = reports::github(lint, least);
                // Without annotations there is nothing to say, not even an empty line.
                if !text.is_empty() {
                    output.result(&text);
                }
            }
            LintFormat::Gitlab => output.result(&reports::gitlab(lint)),
            LintFormat::Junit => {
                let mut files: Vec<&Path> = self.scripts.iter().map(Script::path).collect();
                files.extend(lint.findings.iter().map(|f| f.file.as_path()));
                files.sort();
                files.dedup();
                output.result(&reports::junit(lint, &files));
            }
            LintFormat::Markdown => output.result(&reports::markdown(lint, least)),
        }
        if lint.worst().is_some_and(|worst| worst >= Severity::Error) {
            Exit::Blocked
        } else {
            Exit::Ok
        }
    }

    fn document(&self) -> Value {
        let findings: Vec<Value> = self.lint.findings.iter().map(finding_json).collect();
        let acknowledged = self.lint.acknowledged.iter().map(
            |a| json!({"finding": finding_json(&a.finding), "reason": a.reason, "until": a.until}),
        );
        json!({
            "schema": 1,
            "findings": findings,
            "acknowledged": acknowledged.collect::<Vec<_>>(),
            "statements": {"total": self.lint.statements, "analysed": self.lint.analysed},
        })
    }
}

fn finding_json(f: &Finding) -> Value {
    json!({
        "rule": f.rule,
        "severity": f.severity.to_string(),
        "file": f.file,
        "line": f.line,
        "column": f.column,
        "message": f.message,
        "why": f.why,
        "help": f.help,
        "table": f.table,
        "rewrite": f.rewrite,
    })
}
