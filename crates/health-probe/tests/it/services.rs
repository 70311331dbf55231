//! Real servers, found at run time.

use std::path::PathBuf;

/// Where PostgreSQL's own programs are, or `None` after saying that the test is skipped.
pub(crate) fn postgres_programs() -> Option<PathBuf> {
    let found = crate::standby::newest_programs();
    if found.is_none() {
        skip("no PostgreSQL server is installed");
    }
    found
}

/// The URL in `variable`, or `None` after saying that the test is skipped.
pub(crate) fn url(variable: &str) -> Option<String> {
    let found = env(variable);
    if found.is_none() {
        skip(&format!("{variable} is not set"));
    }
    found
}

pub(crate) fn skip(why: &str) {
    if env("RIPCORD_REQUIRE_SERVICES").as_deref() == Some("1") {
        panic!("{why}, and RIPCORD_REQUIRE_SERVICES=1");
    }
    eprintln!("SKIPPED: {why}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests find their servers through the environment"
)]
fn env(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
