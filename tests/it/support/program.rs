use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Found to be newer than their sources. Looked at once: whoever edits while the tests run does not break them.
static FRESH: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A program of this workspace, beside the test's own executable. Refuses one that is missing or older than its sources,
/// so that nobody tests what they do not have.
pub(crate) fn program(name: &str) -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let folder = me.parent().and_then(Path::parent).unwrap();
    let program = folder.join(name);
    let mut fresh = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
    if fresh.contains(&program) {
        return program;
    }
    let advice = "run `cargo build --workspace --bins` first";
    assert!(
        program.exists(),
        "{} is missing: {advice}",
        program.display()
    );
    if let Some(newer) = newer_source(&program) {
        panic!(
            "{} is older than {}: {advice}",
            program.display(),
            newer.display()
        );
    }
    fresh.push(program.clone());
    program
}

/// cargo writes the sources of a program beside it: `<program>: <source> <source> …`.
fn newer_source(program: &Path) -> Option<PathBuf> {
    let listed = std::fs::read_to_string(program.with_extension("d")).ok()?;
    let built = changed(program)?;
    let (_, sources) = listed.split_once(": ")?;
    sources
        .replace("\\ ", "\u{0}")
        .split_whitespace()
        .map(|source| PathBuf::from(source.replace('\u{0}', " ")))
        .find(|source| changed(source).is_some_and(|at| at > built))
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
