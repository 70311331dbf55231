use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ripcord_migration_guard::{
    Dialect, Error, ErrorKind, Finding, Lint, LintOptions, Script, Severity, Transactional, Unit,
    lint as judge, render,
};

use crate::cli::{DialectArg, LintArgs};
use crate::exit::Done;

pub(crate) fn lint(args: &LintArgs) -> anyhow::Result<Done> {
    let mut options = LintOptions::default();
    options.dialect = match args.dialect {
        DialectArg::Postgres => Dialect::Postgres,
        DialectArg::Mysql => Dialect::MySql,
    };
    options.postgres_version = args.postgres_version;
    options.transaction = args.in_transaction.map(Transactional::from);
    let files = files(&args.paths)?;
    let (lint, scripts) = if args.each {
        // Nothing is known about who runs such files.
        options.transaction = options.transaction.or(Some(Transactional::No));
        each(&files, &options)?
    } else {
        chain(&files, &options)?
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let document = serde_json::json!({
            "schema": 1,
            "findings": lint.findings,
            "statements": { "total": lint.statements, "analysed": lint.analysed },
        });
        serde_json::to_writer(&mut out, &document).context("write the result")?;
        writeln!(out)?;
    } else {
        let scripts: Vec<&Script> = scripts.iter().collect();
        write!(out, "{}", render(&lint, &scripts, args.level.into()))?;
    }
    Ok(match lint.worst() {
        Some(worst) if worst >= Severity::Error => Done::Findings,
        _ => Done::Ok,
    })
}

/// All files as one sequence, in the order of their names; down files are not part of it.
fn chain(files: &[PathBuf], options: &LintOptions) -> anyhow::Result<(Lint, Vec<Script>)> {
    let mut units = Vec::new();
    for path in files.iter().filter(|p| !is_down(p)) {
        units.push(unit(path)?);
    }
    let lint = judge(&units, options)?;
    Ok((lint, units.into_iter().map(|u| u.script).collect()))
}

/// Each file for itself; one that does not parse is a finding and does not hide the others.
fn each(files: &[PathBuf], options: &LintOptions) -> anyhow::Result<(Lint, Vec<Script>)> {
    let mut all = Lint::default();
    let mut scripts = Vec::new();
    for path in files {
        match unit(path) {
            Ok(unit) => {
                let one = judge(std::slice::from_ref(&unit), options)?;
                all.findings.extend(one.findings);
                all.statements += one.statements;
                all.analysed += one.analysed;
                scripts.push(unit.script);
            }
            Err(error) if error.kind() == ErrorKind::Syntax => {
                all.statements += 1;
                all.findings.push(Finding::syntax_error(path, &error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((all, scripts))
}

fn unit(path: &Path) -> Result<Unit, Error> {
    let text = fs::read_to_string(path).map_err(|error| {
        Error::new(ErrorKind::Workspace, "read", path.display().to_string())
            .because(error.to_string())
            .with_source(error)
    })?;
    let transaction = if text.starts_with("-- no-transaction") {
        Transactional::No
    } else {
        Transactional::Yes
    };
    let script = Script::parse(path, &text)?;
    let transaction = if script.controls_transactions() {
        Transactional::No
    } else {
        transaction
    };
    Ok(Unit {
        script,
        transaction,
    })
}

fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> = fs::read_dir(path)
                .with_context(|| format!("read {}", path.display()))?
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .filter(|p| p.extension().is_some_and(|e| e == "sql"))
                .collect();
            inside.sort_by_key(|p| (number(p), p.clone()));
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    anyhow::ensure!(!files.is_empty(), "find a .sql file in the given paths");
    Ok(files)
}

/// Versions are numbers: 10 comes after 9.
fn number(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

fn is_down(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".down.sql")
}
