//! What the linter, the team's policy and the live database say to migrations, in the engine's terms.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::live::{self, Analysis, LiveOptions, Outcome};
use ripcord_migration_guard::{
    Acknowledged, Assessment as Judged, Baseline, Finding, Lint, Migration, Script, Severity, Unit,
};
use ripcord_rollback::plan::{Assessment, Reason};
use ripcord_rollback::{Error, ErrorKind};

use super::migrations::{describe, of_guard, pending};
use crate::config::{MigrationTool, MigrationsConfig, PolicyConfig};
use crate::wiring::{assess_for, lint_options};

/// How fast tables are assumed to be rewritten or read, in bytes a second, until a rehearsal measures it: a slow disk.
const ASSUMED_SPEED: f64 = 50.0 * 1024.0 * 1024.0;
/// How long the live database is asked what is in the way, for a plan.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);

/// Judges migrations with the sizes of the live tables and the team's policy. What files are called in findings is what
/// exceptions name: `releases` is the folder that holds the releases.
pub(super) async fn judge(
    conninfo: &Conninfo,
    config: &MigrationsConfig,
    releases: &Path,
    migrations: &[Migration],
    into: &mut Assessment,
) -> Result<(), Error> {
    // Reading a large file takes seconds of computing, and must not starve the connections.
    let (owned, of) = (migrations.to_vec(), config.clone());
    let judged = tokio::task::spawn_blocking(move || {
        let judged = assess_for(&of, &owned)?;
        Ok((acknowledged_in_sql(&of, &owned)?, judged))
    });
    let (in_sql, mut judged) = judged
        .await
        .map_err(|e| Error::new("read", "migrations", ErrorKind::Invalid).with_source(e))?
        .map_err(|e| of_guard("read", e))?;
    live::annotate(conninfo, &mut judged)
        .await
        .map_err(|e| of_guard("look at", e))?;
    into.pending.extend(judged.migrations.iter().map(pending));
    into.predicted_seconds = Some(predicted_seconds(&judged));
    let mut lint = judged.to_lint();
    lint.acknowledged = in_sql;
    apply(&config.policy, releases, &mut lint);
    for finding in &lint.findings {
        match forbids(finding, &judged, config.large_table) {
            Some(why) => into.blockers.push(Reason::new("hazard", why)),
            None if finding.severity >= Severity::Warning => into.findings.push(describe(finding)),
            None => {}
        }
    }
    let told = lint.acknowledged.iter();
    let told = told.filter(|a| a.finding.severity >= Severity::Warning);
    into.findings.extend(told.map(acknowledged));
    if judged.analysed < judged.statements {
        into.findings.push(format!(
            "{} of {} statements were analysed; the others count as not additive",
            judged.analysed, judged.statements
        ));
    }
    if config.checks_history {
        let layout = config.tool.as_str();
        into.start_check = Some(format!(
            "the old release may refuse to start with a history it does not know (layout {layout}; say [migrations] at_start = \"ignores-history\" if it does not look)"
        ));
    }
    Ok(())
}

/// Gives findings the levels that the policy wants, and takes out those that somebody answers for. In `base`, the name of
/// a file begins with what comes after the release's own folder.
pub(crate) fn apply(config: &PolicyConfig, base: &Path, lint: &mut Lint) {
    let known = std::mem::take(&mut lint.acknowledged);
    let full: Vec<(PathBuf, PathBuf)> = lint
        .findings
        .iter_mut()
        .map(|finding| {
            let full = finding.file.clone();
            if let Some(short) = inside_release(base, &full) {
                finding.file = short;
            }
            (finding.file.clone(), full)
        })
        .collect();
    let baseline = Baseline::default();
    let mut session = config.policy.session(&baseline, SystemTime::now());
    session.apply(lint);
    let restore = |finding: &mut Finding| {
        if let Some((_, path)) = full.iter().find(|(short, _)| *short == finding.file) {
            finding.file.clone_from(path);
        }
    };
    lint.findings.iter_mut().for_each(restore);
    lint.acknowledged
        .iter_mut()
        .for_each(|a| restore(&mut a.finding));
    lint.acknowledged.extend(known);
    let ended = session.finish(&config.file).into_iter();
    let ended = ended.filter(|finding| finding.severity >= Severity::Warning);
    lint.findings.extend(ended);
}

fn inside_release(base: &Path, file: &Path) -> Option<PathBuf> {
    let mut parts = file.strip_prefix(base).ok()?.components();
    parts.next()?;
    Some(parts.as_path().to_owned())
}

/// What comments in the SQL itself answer for.
pub(crate) fn acknowledged_in_sql(
    config: &MigrationsConfig,
    migrations: &[Migration],
) -> Result<Vec<Acknowledged>, ripcord_migration_guard::Error> {
    if !matches!(config.tool, MigrationTool::Sql(_)) {
        return Ok(Vec::new());
    }
    let units = migrations
        .iter()
        .map(|m| {
            Ok(Unit {
                script: Script::parse(&m.up, &m.up_sql)?,
                transaction: m.transaction,
            })
        })
        .collect::<Result<Vec<Unit>, ripcord_migration_guard::Error>>()?;
    Ok(ripcord_migration_guard::lint(&units, &lint_options(config))?.acknowledged)
}

/// Somebody answered for it: what, and why.
fn acknowledged(it: &Acknowledged) -> String {
    let until = it.until.as_ref().map(|day| format!(", until {day}"));
    format!(
        "acknowledged: {}: {}{}",
        describe(&it.finding),
        it.reason,
        until.unwrap_or_default()
    )
}

/// Why a finding stands against the deployment: it blocks a large table, or the policy raised it.
fn forbids(finding: &Finding, before: &Judged, large_table: u64) -> Option<String> {
    if finding.severity < Severity::Error {
        return None;
    }
    let size = finding.size.as_ref();
    let bytes = size.map_or(0, |s| u64::try_from(s.bytes).unwrap_or_default());
    let blocks = finding
        .lock
        .is_some_and(|lock| lock.blocks_writes() || lock.blocks_reads());
    if blocks && bytes >= large_table {
        return Some(describe(finding));
    }
    let same = |known: &&Finding| {
        (&known.rule, &known.file, known.line, known.column)
            == (&finding.rule, &finding.file, finding.line, finding.column)
    };
    let was = before.findings().find(same)?.severity;
    (was < Severity::Error).then(|| {
        let level = finding.severity;
        format!("{}; the policy makes that {level}", describe(finding))
    })
}

fn predicted_seconds(judged: &Judged) -> f64 {
    let works = judged.findings().filter(|f| f.rewrite || f.scan);
    works
        .filter_map(|f| f.size.as_ref())
        .map(|size| {
            #[expect(clippy::cast_precision_loss, reason = "a prediction in seconds")]
            let bytes = size.bytes as f64;
            bytes / ASSUMED_SPEED
        })
        .sum()
}

/// Asks the live database what is in the way of the migrations right now. That it cannot be asked blocks nothing.
pub(super) async fn look(
    conninfo: &Conninfo,
    config: &MigrationsConfig,
    migrations: &[Migration],
    into: &mut Assessment,
) {
    let mut options = LiveOptions::default();
    options.deadline = LOOK;
    options.patience = config.limits.lock_timeout;
    options.application_name = "ripcord-plan".to_owned();
    match live::analyse(conninfo, migrations, &options).await {
        Ok(analysis) => facts(&analysis, into),
        Err(e) => {
            let why = crate::report::chain(&e);
            into.findings.push(format!(
                "what is in the way right now is not known: failed to {why}"
            ));
        }
    }
}

fn facts(analysis: &Analysis, into: &mut Assessment) {
    for it in analysis.blockers.iter().filter(|b| b.blocks) {
        into.findings
            .push(format!("in the way right now: {}; {}", it.message, it.help));
    }
    for it in &analysis.prechecks {
        let Outcome::Offending { rows, at_least } = it.outcome else {
            continue;
        };
        let least = if at_least { "at least " } else { "" };
        let file = it.file.file_name().unwrap_or_default().to_string_lossy();
        let sql = it.sql.as_deref().unwrap_or_default();
        let text = format!(
            "{file}:{}: {}: no, {least}{rows} rows are in the way: {sql}",
            it.line, it.message
        );
        if it.blocks() {
            into.blockers.push(Reason::new("data_does_not_fit", text));
        } else {
            into.findings.push(text);
        }
    }
    for it in analysis.costs.iter().filter(|c| c.estimate.seconds > 1) {
        let file = it.file.file_name().unwrap_or_default().to_string_lossy();
        into.findings.push(format!(
            "{file}:{}: works on {} for {}",
            it.line, it.table, it.estimate
        ));
    }
}
