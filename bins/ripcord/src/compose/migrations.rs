//! From migration-guard's and backup's words to the engine's.

use ripcord_migration_guard::{
    Assessed, Effect, Finding, Layout, Loss, Reversible, Script, Workspace,
};
use ripcord_rollback::plan::PendingMigration;
use ripcord_rollback::{Error, ErrorKind};

use crate::config::show_size;
use crate::report::chain;

/// What the engine has to know about one judged migration.
pub(super) fn pending(one: &Assessed) -> PendingMigration {
    let irreversible = match one.reversible {
        Reversible::Yes => None,
        Reversible::DownMissing => Some("it has no down".to_owned()),
        Reversible::DownEmpty => Some("its down does nothing".to_owned()),
        _ => Some("its down cannot be relied on".to_owned()),
    };
    let not_additive = one
        .statements
        .iter()
        .find(|s| s.effect != Effect::Additive)
        .map(|s| {
            format!(
                "line {}: {} ({})",
                s.line,
                s.reason,
                shortened(&s.statement)
            )
        });
    PendingMigration {
        version: one.version.clone(),
        name: format!("{}_{}", one.version, one.name),
        irreversible,
        not_additive,
        losses: one.losses.iter().map(loss).collect(),
    }
}

/// Enough of a statement to see what it is about.
fn shortened(statement: &str) -> String {
    const LONGEST: usize = 70;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// What is destroyed, on one line.
fn loss(loss: &Loss) -> String {
    let what = match &loss.column {
        Some(column) => format!("column {}.{column}", loss.table),
        None => loss.table.clone(),
    };
    let kind = format!("{:?}", loss.kind).to_lowercase();
    let size = match (loss.rows, loss.bytes) {
        (Some(rows), Some(bytes)) => {
            format!(
                ", about {rows} rows, {}",
                show_size(u64::try_from(bytes).unwrap_or_default())
            )
        }
        (Some(rows), None) => format!(", about {rows} rows"),
        (None, Some(bytes)) => format!(", {}", show_size(u64::try_from(bytes).unwrap_or_default())),
        (None, None) => String::new(),
    };
    format!("{what} ({kind}{size})")
}

/// A finding on one line.
pub(crate) fn describe(finding: &Finding) -> String {
    let file = finding
        .file
        .file_name()
        .map(|n| n.to_string_lossy())
        .unwrap_or_default();
    let size = finding.size.as_ref().map_or_else(String::new, |size| {
        let rows = match size.rows {
            Some(rows) => format!("about {rows} rows"),
            None => "never analysed".to_owned(),
        };
        format!(
            " ({rows}, {})",
            show_size(u64::try_from(size.bytes).unwrap_or_default())
        )
    });
    format!(
        "{file}:{}: {} [{}]{size}",
        finding.line, finding.message, finding.rule
    )
}

/// Parses every file of a workspace, the applied ones too: their downs may be needed.
pub(super) fn check_again(
    workspace: &Workspace,
    layout: Layout,
) -> Result<(), ripcord_migration_guard::Error> {
    for migration in layout.read(workspace)? {
        if let (Some(path), Some(sql)) = (&migration.down, &migration.down_sql) {
            Script::parse(path, sql)?;
        }
    }
    Ok(())
}

/// An error of migration-guard in the engine's terms.
pub(super) fn of_guard(operation: &'static str, error: ripcord_migration_guard::Error) -> Error {
    use ripcord_migration_guard::ErrorKind as K;
    let kind = match error.kind() {
        K::Workspace | K::Syntax | K::UnknownVersion | K::Unsupported | K::Unrecorded => {
            ErrorKind::Invalid
        }
        K::Connection => ErrorKind::Unreachable,
        K::Stopped => ErrorKind::Interrupted,
        _ => ErrorKind::Database,
    };
    let told = match error.help() {
        Some(help) => format!("{}; {help}", chain(&error)),
        None => chain(&error),
    };
    Error::new(operation, "migrations", kind).because(told)
}

/// An error of backup in the engine's terms.
pub(super) fn of_backup(operation: &'static str, error: ripcord_backup::Error) -> Error {
    use ripcord_backup::ErrorKind as K;
    let kind = match error.kind() {
        K::InvalidInput | K::NotFound => ErrorKind::Invalid,
        K::Unreachable => ErrorKind::Unreachable,
        K::Store | K::StoreUnreachable => ErrorKind::Io,
        _ => ErrorKind::Database,
    };
    let told = match error.help() {
        Some(help) => format!("{}; {help}", chain(&error)),
        None => chain(&error),
    };
    Error::new(operation, "the database", kind).because(told)
}
