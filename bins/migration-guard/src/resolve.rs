//! What an interrupted run left of one version.

use std::io::Write as _;

use ripcord_migration_guard::{Direction, Error, Repair, Resolution, StatementState};

use crate::cli::ResolveArgs;
use crate::exit::{self, Done};
use crate::layout::Doubt;
use crate::opened::Opened;
use crate::output::printable;
use crate::ran::state;
use crate::run::kept;
use crate::ways_back::Absent;

pub(crate) async fn resolve(args: &ResolveArgs) -> anyhow::Result<Done> {
    let kept = kept(&args.session, Absent::Wrong)?;
    let opened = Opened::with(&args.database, args.session.options(), Doubt::Refuse).await?;
    let opened = opened.keeping(kept);
    let (migrator, workspace) = (opened.migrator(), opened.workspace());
    let version = opened.spelled(&args.of);
    let found = match (args.settled, args.repair) {
        (Some(settled), _) => changed(opened.settle(&version, settled.into()).await, args)?,
        (None, true) => changed(migrator.repair(workspace, &version).await, args)?,
        (None, false) => Ok(migrator.resolve(workspace, &version).await?),
    };
    let found = match found {
        Ok(found) => found,
        Err(done) => return Ok(done),
    };
    let mut out = std::io::stdout().lock();
    if args.database.json {
        let document = serde_json::json!({
            "schema": 1,
            "version": version,
            "resolution": found,
            "reason": args.reason,
        });
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "state  {version}  {}", state(&version, &found))?;
        for line in details(&found) {
            writeln!(out, "{}", printable(&line))?;
        }
        if let Some(reason) = &args.reason {
            writeln!(out, "reason  {version}  {reason}")?;
        }
    }
    let person = matches!(
        found,
        Resolution::Unknown { .. }
            | Resolution::Partial {
                repair: Repair::Human { .. },
                ..
            }
    );
    Ok(if person { Done::Findings } else { Done::Ok })
}

/// Half of a repair may have been done when it fails.
fn changed(
    done: Result<Resolution, Error>,
    args: &ResolveArgs,
) -> anyhow::Result<Result<Resolution, Done>> {
    match done {
        Ok(found) => Ok(Ok(found)),
        Err(error) if exit::touched(error.kind()) == 1 => {
            let error = error.into();
            exit::tell(&error);
            if args.database.json {
                let document = serde_json::json!({ "schema": 1, "error": exit::document(&error) });
                writeln!(std::io::stdout().lock(), "{document}")?;
            }
            Ok(Err(Done::Failed(1)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where the mark is, and what is known of each statement.
fn details(found: &Resolution) -> Vec<String> {
    let Resolution::Partial {
        statements,
        mark: Some(mark),
        ..
    } = found
    else {
        return Vec::new();
    };
    let way = match mark.direction {
        Direction::Up => "the way forward",
        Direction::Down => "the way back",
    };
    let mut lines = vec![
        format!("file   {} ({way})", mark.file.display()),
        format!("mark   {}, where {}", mark.table, mark.row),
    ];
    for ((line, text), state) in mark.statements.iter().zip(statements) {
        let known = match state {
            StatementState::Done => "done",
            StatementState::NotDone => "not done",
            StatementState::Broken => "half-done",
            StatementState::NoEffect => "leaves no trace",
            StatementState::Unknown => "cannot be told",
        };
        lines.push(format!("line {line}  {known}: {text}"));
    }
    lines
}
