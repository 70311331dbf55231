//! What a live database says to the pending migrations.

use std::io::Write;
use std::time::Duration;

use ripcord_migration_guard::live::{self, Analysis, Basis, LiveOptions, Outcome, Work};
use ripcord_migration_guard::{Migration, Script, render};

use crate::cli::AnalyseArgs;
use crate::exit::Done;
use crate::{output, run, snapshot};

pub(crate) async fn analyse(args: &AnalyseArgs) -> anyhow::Result<Done> {
    let mut options = LiveOptions::default();
    options.deadline = Duration::from_secs(args.deadline);
    options.patience = Duration::from_secs(args.patience);
    options.free_bytes = args.free_bytes;
    let opened = snapshot::reader(&args.database).await?;
    let pending = opened.migrator().status(opened.workspace()).await?.pending;
    let conninfo = run::conninfo(&args.database)?;
    let analysis = live::analyse(&conninfo, &pending, &options).await?;
    let mut out = std::io::stdout().lock();
    if args.database.json {
        let document = serde_json::json!({
            "schema": 1,
            "blocks": analysis.blocks(),
            "pending": pending.iter().map(|m| &m.version).collect::<Vec<_>>(),
            "analysis": analysis,
        });
        writeln!(out, "{document}")?;
    } else {
        write!(out, "{}", text(&analysis, &pending, args)?)?;
    }
    Ok(if analysis.blocks() {
        Done::Findings
    } else {
        Done::Ok
    })
}

fn text(analysis: &Analysis, pending: &[Migration], args: &AnalyseArgs) -> anyhow::Result<String> {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&output::printable(&text));
        out.push('\n');
    };
    for migration in pending {
        line(format!(
            "pending   {}  {}",
            migration.version, migration.name
        ));
    }
    for it in &analysis.blockers {
        let word = if it.blocks { "BLOCKS " } else { "notice " };
        let doing = it.doing.as_ref().map(|d| format!(" (last: {d})"));
        line(format!(
            "{word}   {}{}",
            it.message,
            doing.unwrap_or_default()
        ));
        line(format!("          {}", it.help));
    }
    for it in &analysis.prechecks {
        let (word, answer) = match &it.outcome {
            Outcome::Clean => ("ok     ", "yes".to_owned()),
            Outcome::Offending { rows, at_least } => {
                let least = if *at_least { "at least " } else { "" };
                let word = if it.blocks() { "BLOCKS " } else { "notice " };
                (word, format!("no, {least}{rows} rows are in the way"))
            }
            Outcome::Unknown { why } => ("unknown", why.clone()),
            _ => (
                "unknown",
                "this version does not know the answer".to_owned(),
            ),
        };
        let place = format!("{}:{}", it.file.display(), it.line);
        line(format!("{word}   {}? {answer} ({place})", it.message));
        if it.outcome != Outcome::Clean
            && let Some(sql) = &it.sql
        {
            line(format!("          {sql}"));
        }
        if let Some(before) = &it.written_before {
            line(format!("          {before} writes to {} before", it.table));
        }
    }
    for it in &analysis.costs {
        let work = match it.work {
            Work::Scan => "reads",
            Work::IndexBuild => "builds an index on",
            Work::ConcurrentIndexBuild => "builds an index without a lock on",
            Work::Rewrite => "writes anew",
            _ => "works on",
        };
        let lock = it.lock.map(|lock| format!(" under {lock}"));
        let basis = match it.basis {
            Basis::Measured => "as fast as it was read just now",
            _ => "at an assumed speed",
        };
        let place = format!("{}:{}", it.file.display(), it.line);
        line(format!(
            "takes     {place} {work} {}{}: {}, {basis}",
            it.table,
            lock.unwrap_or_default(),
            it.estimate
        ));
    }
    for it in &analysis.headroom {
        let word = if it.blocks { "BLOCKS " } else { "needs  " };
        line(format!("{word}   {}", it.message));
    }
    for it in &analysis.waiting {
        let often = match it.calls_per_minute {
            Some(calls) => format!("{calls:.1} times a minute"),
            None => format!("{} times so far", it.calls),
        };
        line(format!(
            "waits     {often} on {} behind {}: {}",
            it.table, it.lock, it.query
        ));
    }
    for it in &analysis.broken {
        line(format!("notice    {}", it.message));
        line(format!("          {}", it.help));
    }
    for it in &analysis.unknown {
        line(format!("unknown   {}, because {}", it.what, it.why));
    }
    out.push('\n');
    let scripts = pending
        .iter()
        .map(|m| Script::parse(&m.up, &m.up_sql))
        .collect::<Result<Vec<_>, _>>()?;
    let scripts: Vec<&Script> = scripts.iter().collect();
    out.push_str(&render(
        &analysis.assessment.to_lint(),
        &scripts,
        args.level.into(),
    ));
    // The line above counts what the files say by themselves.
    let blocking = blocking(analysis);
    if blocking > 0 {
        out.push_str(&format!("{blocking} in the database in the way now\n"));
    }
    Ok(out)
}

fn blocking(analysis: &Analysis) -> usize {
    let blockers = analysis.blockers.iter().filter(|b| b.blocks).count();
    let prechecks = analysis.prechecks.iter().filter(|p| p.blocks()).count();
    let headroom = analysis.headroom.iter().filter(|h| h.blocks).count();
    blockers + prechecks + headroom
}
