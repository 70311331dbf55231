//! What would this folder of migrations do? `lint_migrations [FOLDER]`; without one, a folder with two hazards.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::path::PathBuf;

use ripcord_migration_guard::{Layout, Reversible, Script, Severity, Workspace, assess, render};

fn main() -> anyhow::Result<()> {
    let sample = tempfile::tempdir()?;
    let folder = match std::env::args().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => {
            std::fs::write(
                sample.path().join("1_orders.up.sql"),
                "CREATE TABLE orders (id bigint PRIMARY KEY);",
            )?;
            std::fs::write(
                sample.path().join("1_orders.down.sql"),
                "DROP TABLE orders;",
            )?;
            std::fs::write(
                sample.path().join("2_note.up.sql"),
                "ALTER TABLE customers DROP COLUMN note;",
            )?;
            sample.path().to_owned()
        }
    };

    let migrations = Layout::Sqlx.read(&Workspace::new(folder))?;
    let assessment = assess(&migrations)?;
    for migration in &assessment.migrations {
        let way_back = if migration.reversible == Reversible::Yes {
            "has a down"
        } else {
            "no way back"
        };
        let kind = if migration.additive {
            "additive"
        } else {
            "not additive"
        };
        println!(
            "{} {}: {kind}, {way_back}, {} losses",
            migration.version,
            migration.name,
            migration.losses.len()
        );
    }

    let scripts: Vec<Script> = migrations
        .iter()
        .map(|m| Script::parse(&m.up, &m.up_sql))
        .collect::<Result<_, _>>()?;
    let scripts: Vec<&Script> = scripts.iter().collect();
    println!(
        "{}",
        render(&assessment.to_lint(), &scripts, Severity::Error)
    );
    println!(
        "{} of {} statements analysed",
        assessment.analysed, assessment.statements
    );
    Ok(())
}
