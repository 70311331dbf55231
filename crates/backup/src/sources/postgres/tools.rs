//! Which `pg_dump` and `pg_restore` fit the server.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use ripcord_conninfo::Conninfo;

use super::source::PostgresSource;
use crate::{Error, ErrorKind};

/// Where Debian and Ubuntu, and the packages of postgresql.org, keep each major version.
const BY_MAJOR: &[(&str, &str)] = &[("/usr/lib/postgresql/", "/bin"), ("/usr/pgsql-", "/bin")];

/// The newest major version worth looking for.
const NEWEST: u32 = 30;

/// A pair of tools of one version.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    dump: PathBuf,
    pub(super) restore: PathBuf,
    version: String,
    server_major: u32,
}

impl Tools {
    pub(super) fn dump(&self) -> &PathBuf {
        &self.dump
    }

    /// Another program of the same version.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.dump.with_file_name(name)
    }

    /// How a child of these tools connects: if it is killed, its session ends too, although it
    /// may be in the middle of a statement.
    pub(super) fn conninfo(&self, database: &Conninfo) -> Conninfo {
        if self.server_major >= 14 {
            database.with_setting("client_connection_check_interval", "2s")
        } else {
            database.clone()
        }
    }

    /// Name and version, for the manifest.
    pub(super) fn label(&self) -> String {
        format!("pg_dump {}", self.version)
    }
}

impl PostgresSource {
    /// The tools of the server's major version, or of the nearest later one: an older `pg_dump`
    /// refuses, and with it the safety net would be gone without a word.
    pub(super) async fn tools(&self, server_major: u32) -> Result<Tools, Error> {
        let inside = self.options.container.is_some();
        let mut places: Vec<PathBuf> = match inside {
            // Which is where the image's own tools are, in general.
            true => vec![PathBuf::new()],
            false => self.options.tool_dirs.clone(),
        };
        for major in server_major..=NEWEST {
            places.extend(
                BY_MAJOR
                    .iter()
                    .map(|(before, after)| PathBuf::from(format!("{before}{major}{after}"))),
            );
        }
        // A bare name is looked up in PATH by the system.
        places.push(PathBuf::new());
        let mut too_old = Vec::new();
        let mut best: Option<(u32, Tools)> = None;
        for place in places {
            let dump = place.join("pg_dump");
            if !inside && place.is_absolute() && !dump.exists() {
                continue;
            }
            let Some(version) = self.version_of(&dump).await else {
                continue;
            };
            let Some(major) = major_of(&version) else {
                continue;
            };
            if major < server_major {
                too_old.push(version);
                continue;
            }
            if best.as_ref().is_none_or(|(known, _)| major < *known) {
                let restore = place.join("pg_restore");
                best = Some((
                    major,
                    Tools {
                        dump,
                        restore,
                        version,
                        server_major,
                    },
                ));
            }
            // To look inside of a container takes a while each time.
            if major == server_major || inside {
                break;
            }
        }
        if let Some((_, tools)) = best {
            return Ok(tools);
        }
        let found = if too_old.is_empty() {
            "none was found".to_owned()
        } else {
            too_old.sort();
            too_old.dedup();
            format!("only {} was found", too_old.join(", "))
        };
        Err(Error::new(
            "find a pg_dump for",
            format!("PostgreSQL {server_major}"),
            ErrorKind::ToolMissing,
            found,
        )
        .with_help(format!(
            "install the client of version {server_major} (Debian: postgresql-client-{server_major}), or name its folder"
        )))
    }

    async fn version_of(&self, dump: &Path) -> Option<String> {
        let output = self
            .command(dump, &self.conninfo)
            .arg("--version")
            .stdout(Stdio::piped())
            .output()
            .await
            .ok()
            .filter(|output| output.status.success())?;
        // "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split(')').nth(1)?.split_whitespace().next()?;
        Some(version.to_owned())
    }
}

/// "15.18", "19devel" and "19beta1" all begin with the major version.
pub(super) fn major_of(version: &str) -> Option<u32> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_of;

    #[test]
    fn major_versions() {
        assert_eq!(major_of("15.18"), Some(15));
        assert_eq!(major_of("19devel"), Some(19));
        assert_eq!(major_of("x"), None);
    }
}
