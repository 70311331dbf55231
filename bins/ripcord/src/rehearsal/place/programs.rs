use std::path::{Path, PathBuf};

/// Where Debian and Ubuntu, and the packages of postgresql.org, keep each major version.
const PLACES: [(&str, &str); 2] = [("/usr/lib/postgresql/", "/bin"), ("/usr/pgsql-", "/bin")];

/// The folder with `initdb` and `postgres` of this major version, if it is installed.
pub(crate) fn server_programs(major: i32, configured: Option<&Path>) -> Option<PathBuf> {
    let usual = PLACES
        .iter()
        .map(|(before, after)| PathBuf::from(format!("{before}{major}{after}")));
    configured
        .map(Path::to_owned)
        .into_iter()
        .chain(usual)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}
