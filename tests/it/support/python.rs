use std::path::Path;
use std::process::Command;

/// The Python that has Django and Alembic. `None` when there is none; then it was said.
#[expect(
    clippy::disallowed_methods,
    reason = "tests find out at run time what is there"
)]
pub(crate) fn python() -> Option<String> {
    if let Ok(python) = std::env::var("RIPCORD_TEST_PYTHON") {
        return Some(python);
    }
    let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
    assert!(!required, "RIPCORD_TEST_PYTHON is required");
    eprintln!("SKIPPED: RIPCORD_TEST_PYTHON is not set");
    None
}

/// Runs a command of a framework as a developer does.
pub(crate) fn tool(python: &str, folder: &Path, args: &[&str]) {
    let done = Command::new(python)
        .args(args)
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{args:?}: {said}");
}
