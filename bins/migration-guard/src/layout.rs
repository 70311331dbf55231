//! Which layout is meant where none is named.

use std::io::Write as _;

use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::{Error, ErrorKind, Layout, PostgresMigrator, RunOptions};

use crate::cli::{DatabaseArgs, Tool};

/// What to do where both the folder and the database leave a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Take the first, and tell: nothing is changed.
    Tell,
    /// Another layout would run again what is applied.
    Refuse,
}

type Guess = (Layout, String);

/// The layout that was named, or that folder and database show. Which one was taken is told, unless
/// it was named.
pub(crate) async fn of(
    args: &DatabaseArgs,
    conninfo: &Conninfo,
    options: &RunOptions,
    doubt: Doubt,
) -> anyhow::Result<Layout> {
    if let Some(layout) = named(args)? {
        return Ok(layout);
    }
    let guesses = Layout::detect(&args.path)?;
    let recorded = match guesses.len() {
        1 => Vec::new(),
        _ => PostgresMigrator::recorded_by(conninfo, options).await?,
    };
    chosen(args, &guesses, &recorded, doubt)
}

/// The same by the folder alone.
pub(crate) fn of_folder(args: &DatabaseArgs) -> anyhow::Result<Layout> {
    match named(args)? {
        Some(layout) => Ok(layout),
        None => chosen(args, &Layout::detect(&args.path)?, &[], Doubt::Tell),
    }
}

fn named(args: &DatabaseArgs) -> anyhow::Result<Option<Layout>> {
    match args.layout {
        Some(Tool::Sql(layout)) => Ok(Some(layout)),
        Some(Tool::Framework(framework)) => {
            let error = Error::new(
                ErrorKind::Unsupported,
                "read the SQL of",
                framework.as_str(),
            );
            Err(error
                .with_help("name the layout of a folder of SQL files")
                .into())
        }
        None => Ok(None),
    }
}

fn chosen(
    args: &DatabaseArgs,
    guesses: &[Guess],
    recorded: &[Layout],
    doubt: Doubt,
) -> anyhow::Result<Layout> {
    if let [(layout, why)] = guesses {
        told(*layout, why);
        return Ok(*layout);
    }
    let possible = |l: &&Layout| guesses.is_empty() || guesses.iter().any(|(g, _)| g == *l);
    let there: Vec<Layout> = recorded.iter().filter(possible).copied().collect();
    if let [layout] = there[..] {
        let why = format!("its table {} is in the database", layout.state_table());
        told(layout, &why);
        return Ok(layout);
    }
    let names: Vec<&str> = match guesses {
        [] => there.iter().map(|l| l.as_str()).collect(),
        several => several.iter().map(|(l, _)| l.as_str()).collect(),
    };
    if names.is_empty() {
        told(Layout::Sqlx, "the folder has no migrations");
        return Ok(Layout::Sqlx);
    }
    let names = names.join(" or ");
    if doubt == Doubt::Refuse {
        let folder = args.path.display().to_string();
        let error = Error::new(ErrorKind::Unsupported, "tell the layout of", folder);
        return Err(error
            .because(format!("it could be {names}"))
            .with_help("name it with --layout")
            .into());
    }
    let layout = guesses.first().map_or(Layout::Sqlx, |(layout, _)| *layout);
    told(
        layout,
        &format!("it could be {names}; name one with --layout"),
    );
    Ok(layout)
}

fn told(layout: Layout, why: &str) {
    // A courtesy: a closed stderr stops nothing.
    let _ = writeln!(std::io::stderr().lock(), "layout {layout}: {why}");
}
