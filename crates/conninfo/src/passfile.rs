//! `.pgpass`: `host:port:database:user:password`, first match wins.

use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::params::Params;
use crate::surroundings::Surroundings;
use crate::{Error, ErrorKind};

/// What a password file had to say.
#[derive(Default)]
pub(crate) struct Found {
    /// One per host.
    pub(crate) passwords: Vec<Option<String>>,
    /// The file that was used.
    pub(crate) file: Option<PathBuf>,
    /// Why the file was passed over.
    pub(crate) warning: Option<String>,
}

/// Looks the password of each host up.
///
/// # Errors
/// `Unusable` when a file that the string or PGPASSFILE names may be read by others; libpq would
/// warn and go on without it. The default file is passed over with a warning.
pub(crate) fn look_up(
    params: &Params,
    hosts: &[Host],
    database: &str,
    user: &str,
    around: &dyn Surroundings,
) -> Result<Found, Error> {
    let named = params.get("passfile").map(PathBuf::from);
    let is_named = named.is_some();
    let Some(file) = named.or_else(|| around.home().map(|home| home.join(".pgpass"))) else {
        return Ok(Found::default());
    };
    let Some(mode) = around.mode(&file) else {
        let warning = is_named.then(|| format!("there is no password file {}", file.display()));
        return Ok(Found {
            warning,
            ..Found::default()
        });
    };
    if mode & 0o077 != 0 {
        let why = format!(
            "others may read the password file {} (mode {mode:04o}), so it is not used; it must be 0600",
            file.display()
        );
        if is_named {
            return Err(Error::reading(ErrorKind::Unusable, why)
                .with_help(format!("chmod 0600 {}", file.display())));
        }
        return Ok(Found {
            warning: Some(why),
            ..Found::default()
        });
    }
    let bytes = match around.read(&file) {
        Ok(bytes) => bytes,
        Err(source) => {
            return Err(Error::reading(
                ErrorKind::Unusable,
                format!("the password file {} cannot be read", file.display()),
            )
            .with_source(source));
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let passwords = hosts
        .iter()
        .map(|host| password(&text, host, database, user))
        .collect();
    Ok(Found {
        passwords,
        file: Some(file),
        warning: None,
    })
}

fn password(text: &str, host: &Host, database: &str, user: &str) -> Option<String> {
    let name = match host {
        // libpq looks the default socket directories up as localhost.
        Host::Unix { dir, .. } if is_default_dir(dir) => "localhost".to_owned(),
        host => host.name(),
    };
    let wanted = [
        name,
        host.port().to_string(),
        database.to_owned(),
        user.to_owned(),
    ];
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let fields = split(line.trim_end_matches('\r'));
            let matches = fields.len() >= 5
                && wanted
                    .iter()
                    .zip(&fields)
                    .all(|(wanted, (field, raw))| raw == "*" || wanted == field);
            // libpq takes the rest of the line; a colon in the password must be escaped.
            matches.then(|| fields[4].0.clone())
        })
        .filter(|password| !password.is_empty())
}

fn is_default_dir(dir: &Path) -> bool {
    [Path::new("/var/run/postgresql"), Path::new("/tmp")].contains(&dir)
}

/// Fields with their escapes removed, each beside its raw text (`\*` is not a wildcard).
fn split(line: &str) -> Vec<(String, String)> {
    let mut fields = vec![(String::new(), String::new())];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let Some((value, raw)) = fields.last_mut() else {
            break;
        };
        match c {
            '\\' => {
                raw.push(c);
                if let Some(escaped) = chars.next() {
                    raw.push(escaped);
                    value.push(escaped);
                }
            }
            ':' => fields.push((String::new(), String::new())),
            c => {
                raw.push(c);
                value.push(c);
            }
        }
    }
    fields
}
