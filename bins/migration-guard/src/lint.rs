use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use ripcord_migration_guard::{
    Baseline, Dialect, Error, ErrorKind, Finding, Layout, Lint, LintOptions, Migration, Runner,
    Script, Severity, Snapshot, Transactional, Unit, Workspace, lint as judge, map_on_workers,
};

use crate::cli::LintArgs;
use crate::exit::Done;
use crate::{output, policy, since, snapshot};

pub(crate) fn lint(args: &LintArgs) -> anyhow::Result<Done> {
    let mut options = LintOptions::default();
    options.dialect = args.dialect.into();
    let schema = args.schema.as_deref().map(snapshot::read).transpose()?;
    options.postgres_version = args
        .postgres_version
        .or(schema.as_ref().map(Snapshot::major))
        .unwrap_or(options.postgres_version);
    check_versions(args)?;
    options.mysql_server = args.mysql_version.unwrap_or_default();
    options.transaction = args.in_transaction.map(Transactional::from);
    if args.each {
        // Nothing is known about who runs such files.
        options.runner = Runner::Unknown;
    }
    let (policy, policy_file) = policy::policy(args)?;
    let baseline = policy::baseline(args)?;
    let (mut sources, unread) = sources(args)?;
    tell_unread(&unread);
    if let Some(schema) = schema {
        sources.retain(|source| !source.is_applied(&schema));
        options.snapshot = Some(Arc::new(schema));
    }
    let changed = args.since.as_deref();
    let changed = changed.map(|base| since::changed(base, &args.paths));
    let changed = changed.transpose()?;
    let mut shown: Vec<&Path> = sources.iter().map(Source::path).collect();
    if let Some(changed) = &changed {
        shown.retain(|file| since::is_among(changed, file));
    }
    let judge = |sources: &[Source]| {
        let (mut lint, scripts) = if args.each {
            each(sources, &options, output::shows_excerpts(args))?
        } else {
            chain(sources, &options)?
        };
        if changed.is_some() {
            let shown: BTreeSet<&Path> = shown.iter().copied().collect();
            lint.findings.retain(|f| shown.contains(f.file.as_path()));
        }
        anyhow::Ok((lint, scripts))
    };
    if let Some(file) = &args.write_baseline {
        let (lint, _) = judge(&sources)?;
        fs::write(file, Baseline::render(&lint))
            .with_context(|| format!("write the baseline {}", file.display()))?;
        let count = lint.findings.len();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{count} findings written into {}", file.display())?;
        return Ok(Done::Ok);
    }
    let mut session = policy.session(&baseline, SystemTime::now());
    let mut report = output::Report::new(args, policy_file.clone(), unread);
    // So that what was found in many files need not be held all at once.
    let some = if args.each {
        AT_ONCE
    } else {
        sources.len().max(1)
    };
    for sources in sources.chunks(some) {
        let (mut lint, scripts) = judge(sources)?;
        session.apply(&mut lint);
        report.add(lint, scripts)?;
    }
    let mut exceptions = Lint::default();
    exceptions.findings = session.finish(&policy_file.unwrap_or_default());
    report.add(exceptions, Vec::new())?;
    let worst = report.worst();
    report.write(&shown)?;
    Ok(match worst {
        Some(worst) if worst >= Severity::Error => Done::Findings,
        _ => Done::Ok,
    })
}

/// A version that is misread as another one would be judged by the wrong rules.
fn check_versions(args: &LintArgs) -> anyhow::Result<()> {
    let mysql = matches!(Dialect::from(args.dialect), Dialect::MySql);
    if args.mysql_version.is_some() && !mysql {
        anyhow::bail!("use --mysql-version without --dialect mysql");
    }
    let Some(version) = args.postgres_version else {
        return Ok(());
    };
    if mysql {
        anyhow::bail!("use --postgres-version with --dialect mysql");
    }
    if !POSTGRES.contains(&version) {
        let (oldest, newest) = (POSTGRES.start(), POSTGRES.end());
        anyhow::bail!(
            "use --postgres-version {version}; it is the major version, {oldest} to {newest}"
        );
    }
    if version < PROVED {
        output::note(&format!(
            "note: what is said of PostgreSQL {version} is not proved on a server, as it is from {PROVED} on"
        ));
    }
    Ok(())
}

/// The major versions that rules tell apart.
const POSTGRES: std::ops::RangeInclusive<u32> = 9..=19;

/// The oldest whose behaviour the rules know from a server.
const PROVED: u32 = 12;

fn tell_unread(unread: &[PathBuf]) {
    if let Some(first) = unread.first() {
        output::note(&format!(
            "note: {} .sql files below the folders are not read, {} is one: name their folders too, or --layout",
            unread.len(),
            first.display()
        ));
    }
}

/// Files whose findings are held at once.
const AT_ONCE: usize = 256;

/// All files as one sequence, in the order of their names; down files are not part of it.
fn chain(sources: &[Source], options: &LintOptions) -> anyhow::Result<(Lint, Vec<Script>)> {
    let mut units = Vec::new();
    for source in sources {
        if !matches!(source, Source::File(path) if is_down(path)) {
            units.push(source.unit(options)?);
        }
    }
    let lint = judge(&units, options)?;
    Ok((lint, units.into_iter().map(|u| u.script).collect()))
}

/// Each file for itself; one that does not parse is a finding and does not hide the others.
fn each(
    sources: &[Source],
    options: &LintOptions,
    excerpts: bool,
) -> anyhow::Result<(Lint, Vec<Script>)> {
    let judged = map_on_workers(sources, |source| {
        let unit = source.unit(options)?;
        let found = judge(std::slice::from_ref(&unit), options)?;
        Ok::<_, Error>((found, excerpts.then_some(unit.script)))
    });
    let mut all = Lint::default();
    let mut scripts = Vec::new();
    let found = judged.iter().flatten().map(|(one, _)| one.findings.len());
    all.findings.reserve_exact(found.sum::<usize>());
    for (source, judged) in sources.iter().zip(judged) {
        match judged {
            Ok((one, script)) => {
                all.findings.extend(one.findings);
                all.acknowledged.extend(one.acknowledged);
                all.statements += one.statements;
                all.analysed += one.analysed;
                scripts.extend(script);
            }
            Err(error) if error.kind() == ErrorKind::Syntax => {
                all.statements += 1;
                all.findings
                    .push(Finding::syntax_error(source.path(), &error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((all, scripts))
}

fn unit(path: &Path, options: &LintOptions) -> Result<Unit, Error> {
    let text = text(path)?;
    let transaction = if text.starts_with("-- no-transaction") {
        Transactional::No
    } else {
        Transactional::Yes
    };
    let script = Script::parse_as(path, &text, options.dialect)?;
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

/// A file that is not UTF-8 is one that cannot be judged, not one that cannot be read.
fn text(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|error| {
        Error::new(ErrorKind::Workspace, "read", path.display().to_string())
            .because(error.to_string())
            .with_source(error)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..valid];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Error::new(ErrorKind::Syntax, "parse", path.display().to_string())
            .at(line as u32, column as u32)
            .because("it is not UTF-8 from here on")
            .with_help("iconv -f latin1 -t utf-8")
    })
}

/// What is judged.
enum Source {
    File(PathBuf),
    /// As its tool would read it.
    Migration(Box<Migration>),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Migration(migration) => &migration.up,
        }
    }

    /// Whether what it does is in the snapshot already.
    fn is_applied(&self, schema: &Snapshot) -> bool {
        match self {
            // Its number is the version, or it has none.
            Self::File(path) => {
                let mut applied = schema.applied.iter();
                applied.any(|version| version.parse() == Ok(number(path)))
            }
            Self::Migration(it) => schema.applied.contains(&it.version),
        }
    }

    fn unit(&self, options: &LintOptions) -> Result<Unit, Error> {
        match self {
            Self::File(path) => unit(path, options),
            Self::Migration(migration) => Ok(Unit {
                script: Script::parse_as(&migration.up, &migration.up_sql, options.dialect)?,
                transaction: migration.transaction,
            }),
        }
    }
}

/// A folder is read as its tool would read it, if somebody says which one that is or only one fits;
/// otherwise each .sql file in it counts, and those below it are not read and told.
fn sources(args: &LintArgs) -> anyhow::Result<(Vec<Source>, Vec<PathBuf>)> {
    let mut sources = Vec::new();
    let mut unread = Vec::new();
    for path in &args.paths {
        if !path.is_dir() {
            sources.push(Source::File(path.clone()));
            continue;
        }
        let layout = match args.layout {
            Some(layout) => Some(layout),
            None if args.each => None,
            None => detected(path)?,
        };
        match layout {
            Some(layout) => {
                let all = layout.read(&Workspace::new(path))?;
                sources.extend(all.into_iter().map(|m| Source::Migration(Box::new(m))));
            }
            None => {
                sources.extend(files(path)?.into_iter().map(Source::File));
                unread.extend(below(path)?);
            }
        }
    }
    // Another of the paths may be their folder.
    unread.retain(|file| {
        let named = |path: &PathBuf| {
            let path = path.components();
            path.clone().eq(file.components())
                || file.parent().is_some_and(|p| path.eq(p.components()))
        };
        !args.paths.iter().any(named)
    });
    anyhow::ensure!(
        !sources.is_empty(),
        "find a .sql file in the given paths{}",
        if unread.is_empty() {
            ""
        } else {
            "; there are some below them"
        }
    );
    Ok((sources, unread))
}

fn detected(folder: &Path) -> anyhow::Result<Option<Layout>> {
    let guesses = Layout::detect(folder)?;
    Ok(match guesses.as_slice() {
        // Names without a number or a marker may be anything; each file counts.
        [(layout, why)] if *layout != Layout::Plain => {
            output::note(&format!("layout: {layout} ({why})"));
            Some(*layout)
        }
        _ => None,
    })
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("read {}", folder.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|p| is_sql(p) && !p.is_dir())
        .collect();
    files.sort_by_key(|p| (number(p), p.clone()));
    Ok(files)
}

fn is_sql(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|e| e.eq_ignore_ascii_case("sql"))
}

/// The .sql files in the folders in `folder`. Links are not followed: they may lead back.
fn below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), false)];
    while let Some((folder, counts)) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
        for entry in entries.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), true)),
                Ok(kind) if kind.is_file() && counts && is_sql(&entry.path()) => {
                    found.push(entry.path());
                }
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Versions are numbers: 10 comes after 9.
fn number(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

fn is_down(path: &Path) -> bool {
    let path = path.to_string_lossy().to_ascii_lowercase();
    path.ends_with(".down.sql")
}
