//! The Python that has Django and Alembic, and projects that they make themselves.

use std::path::Path;
use std::process::Command;

use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::frameworks::{Framework, FrameworkMigrator, Project};
use ripcord_migration_guard::{Migrator, Outcome, RunOptions, Status, Unobserved, Workspace};

/// `None` when there is none; then the test has said so and ends.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where servers are"
)]
pub(crate) fn python() -> Option<String> {
    if let Ok(python) = std::env::var("RIPCORD_TEST_PYTHON") {
        return Some(python);
    }
    let required = std::env::var("RIPCORD_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
    assert!(
        !required,
        "RIPCORD_TEST_PYTHON is not set and services are required"
    );
    eprintln!("SKIPPED: RIPCORD_TEST_PYTHON is not set");
    None
}

/// Runs a command of a framework as a developer does, and returns what it printed.
pub(crate) fn tool(python: &str, folder: &Path, env: &[(&str, &str)], args: &[&str]) -> String {
    let out = Command::new(python)
        .args(args)
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&out.stdout).into_owned();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {printed}{said}");
    printed
}

/// A URL without a password, which the throwaway server does not ask for.
pub(crate) fn url(conninfo: &Conninfo, scheme: &str) -> String {
    format!("{scheme}://{conninfo}")
}

/// A project whose settings read `DATABASE_URL`.
pub(crate) fn project(python: &str, url: &str) -> Project {
    let mut project = Project::new([python]);
    project.env = vec![
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ("DATABASE_URL".to_owned(), url.to_owned()),
    ];
    project
}

pub(crate) fn migrator(
    framework: Framework,
    conninfo: &Conninfo,
    project: Project,
) -> FrameworkMigrator {
    let mut options = RunOptions::default();
    options.lock_timeout = std::time::Duration::from_millis(200);
    options.backoff = std::time::Duration::from_millis(10);
    options.retries = 1;
    FrameworkMigrator::new(framework, conninfo.clone(), project, options)
}

/// Applies all that is pending, one by one.
pub(crate) async fn up_all(migrator: &FrameworkMigrator, w: &Workspace) -> Status {
    let status = migrator.status(w).await.unwrap();
    for migration in &status.pending {
        let done = migrator.up(w, &migration.version, &Unobserved).await;
        assert!(matches!(done.unwrap(), Outcome::Applied { .. }));
    }
    status
}

pub(crate) fn pending(status: &Status) -> Vec<&str> {
    status.pending.iter().map(|m| m.version.as_str()).collect()
}

pub(crate) fn applied(status: &Status) -> Vec<&str> {
    status.applied.iter().map(|a| a.version.as_str()).collect()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
