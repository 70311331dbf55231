//! `pg_service.conf`.

use std::path::PathBuf;

use crate::params::{Params, Quotable, known};
use crate::surroundings::Surroundings;
use crate::{Error, ErrorKind};

/// Fills in what the named service says, wherever the string itself is silent.
pub(crate) fn apply(
    service: &str,
    params: &mut Params,
    around: &dyn Surroundings,
) -> Result<(), Error> {
    for file in files(around) {
        let Ok(bytes) = around.read(&file) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        if section(&text, service, params, &file)? {
            return Ok(());
        }
    }
    Err(Error::reading(
        ErrorKind::Missing,
        format!("the service `{service}` is in no service file"),
    )
    .with_help("services are looked for in PGSERVICEFILE or ~/.pg_service.conf, then in the system's pg_service.conf"))
}

fn files(around: &dyn Surroundings) -> Vec<PathBuf> {
    let mut files = Vec::new();
    match around.var("PGSERVICEFILE") {
        Some(file) if !file.is_empty() => files.push(PathBuf::from(file)),
        _ => files.extend(around.home().map(|home| home.join(".pg_service.conf"))),
    }
    match around.var("PGSYSCONFDIR") {
        Some(dir) if !dir.is_empty() => files.push(PathBuf::from(dir).join("pg_service.conf")),
        // Compiled into libpq; this is Debian's, and elsewhere it is set by PGSYSCONFDIR.
        _ => files.push(PathBuf::from("/etc/postgresql-common/pg_service.conf")),
    }
    files
}

/// Whether the file has the section; the first value of a repeated keyword wins, as in libpq.
fn section(
    text: &str,
    service: &str,
    params: &mut Params,
    file: &std::path::Path,
) -> Result<bool, Error> {
    let mut inside = false;
    let mut found = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found {
                break;
            }
            inside = name.strip_suffix(']') == Some(service);
            found |= inside;
            continue;
        }
        if !inside {
            continue;
        }
        let at = || format!("{} line {}", file.display(), number + 1);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| Error::new("read", at(), ErrorKind::Malformed, "there is no `=`"))?;
        let name = name.trim();
        if name == "service" {
            return Err(Error::new(
                "read",
                at(),
                ErrorKind::Unsupported,
                "a service cannot refer to a service",
            ));
        }
        let name = known(name, Quotable::Yes).map_err(|error| {
            Error::new("read", at(), error.kind(), "there is no such parameter")
                .with_help(error.help().unwrap_or_default().to_owned())
        })?;
        params.set_if_absent(name, value.trim().to_owned());
    }
    Ok(found)
}
