//! The files that say what a team wants to hear.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ripcord_migration_guard::{Baseline, Dialect, Policy, hazards};

use crate::cli::LintArgs;
use crate::output;

/// Read when no other is named.
const USUAL: &str = "migration-guard.toml";

/// The policy, and the file it is from, if there is one.
pub(crate) fn policy(args: &LintArgs) -> anyhow::Result<(Policy, Option<PathBuf>)> {
    let usual = Path::new(USUAL);
    let path = match &args.policy {
        Some(path) => path.as_path(),
        None if usual.is_file() => usual,
        None => return Ok((Policy::default(), None)),
    };
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let policy: Policy = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text
            .get(..at)
            .map_or(1, |before| before.lines().count().max(1));
        let message = error.message().replace('\n', "; ");
        anyhow::anyhow!("read {}:{line}: {message}", path.display())
    })?;
    if let Some(mistake) = policy.mistakes().first() {
        let line = line_of(&text, mistake);
        let nearest = nearest(mistake);
        bail!("read {}:{line}: {mistake}{nearest}", path.display());
    }
    output::note(&format!("policy: {}", path.display()));
    Ok((policy, Some(path.to_owned())))
}

pub(crate) fn baseline(args: &LintArgs) -> anyhow::Result<Baseline> {
    let Some(path) = &args.baseline else {
        return Ok(Baseline::default());
    };
    let text = fs::read_to_string(path).with_context(|| {
        format!(
            "read the baseline {}; make it with --write-baseline",
            path.display()
        )
    })?;
    Ok(Baseline::parse(path, &text)?)
}

/// What a mistake quotes is in the text as it was written.
fn quoted(mistake: &str) -> &str {
    mistake.split('`').nth(1).unwrap_or_default()
}

fn line_of(text: &str, mistake: &str) -> usize {
    let wanted = quoted(mistake);
    let written = format!("\"{wanted}\"");
    // A pattern of tables may be spelled like a rule.
    let rule = |line: &str| line.trim_start().starts_with("rule") && line.contains(&written);
    let line = text.lines().position(rule);
    let line = line.or_else(|| text.lines().position(|line| line.contains(wanted)));
    line.map_or(1, |at| at + 1)
}

fn nearest(mistake: &str) -> String {
    if !mistake.contains("no rule is called") {
        return String::new();
    }
    let wanted = quoted(mistake);
    let known = [Dialect::Postgres, Dialect::MySql].map(hazards);
    let nearest = known
        .iter()
        .flatten()
        .max_by(|a, b| {
            let like = |id: &str| strsim::jaro_winkler(wanted, id);
            like(&a.id).total_cmp(&like(&b.id))
        })
        .map(|hazard| hazard.id.as_str());
    match nearest {
        Some(id) => format!("; did you mean `{id}`? `migration-guard rules` lists them"),
        None => String::new(),
    }
}
