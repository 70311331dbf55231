//! Which tools fit the server.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::source::MysqlSource;
use crate::{Error, ErrorKind};

/// Whose server or tool it is. The two have grown apart: one's dump tool asks the other's server
/// for things that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Mariadb,
    Mysql,
}

impl Flavour {
    pub(super) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            Flavour::Mariadb
        } else {
            Flavour::Mysql
        }
    }

    pub(super) fn product(self) -> &'static str {
        match self {
            Flavour::Mariadb => "MariaDB",
            Flavour::Mysql => "MySQL",
        }
    }

    /// Pairs of names, the better one first.
    fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Flavour::Mariadb => &[("mariadb-dump", "mariadb"), ("mysqldump", "mysql")],
            Flavour::Mysql => &[("mysqldump", "mysql")],
        }
    }

    fn package(self) -> &'static str {
        match self {
            Flavour::Mariadb => "mariadb-client",
            Flavour::Mysql => "mysql-client",
        }
    }
}

/// A pair of tools of one version.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) dump: PathBuf,
    pub(super) client: PathBuf,
    name: &'static str,
    version: String,
}

impl Tools {
    /// Name and version, for the manifest.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    pub(super) fn version(&self) -> (u32, u32) {
        numbers(&self.version)
    }
}

impl MysqlSource {
    pub(super) async fn tools(&self, flavour: Flavour) -> Result<Tools, Error> {
        let mut places: Vec<PathBuf> = self.options.tool_dirs.clone();
        // A bare name is looked up in PATH by the system.
        places.push(PathBuf::new());
        let mut others = Vec::new();
        for place in places {
            for (dump_name, client_name) in flavour.names() {
                let (dump, client) = (place.join(dump_name), place.join(client_name));
                let Some(says) = says(&dump).await else {
                    continue;
                };
                if Flavour::of(&says) != flavour {
                    others.push(format!("{} of {}", dump_name, Flavour::of(&says).product()));
                    continue;
                }
                let Some(version) = version_in(&says) else {
                    continue;
                };
                return Ok(Tools {
                    dump,
                    client,
                    name: dump_name,
                    version,
                });
            }
        }
        others.sort();
        others.dedup();
        let found = if others.is_empty() {
            "none was found".to_owned()
        } else {
            format!("only {} was found", others.join(", "))
        };
        let wanted = flavour.names()[0].0;
        Err(Error::new(
            "find the tools for",
            flavour.product(),
            ErrorKind::ToolMissing,
            format!("{wanted} is needed, and {found}"),
        )
        .with_help(format!(
            "install {} (a Debian package), or name the folder of {wanted}",
            flavour.package()
        )))
    }
}

async fn says(tool: &PathBuf) -> Option<String> {
    let output = Command::new(tool)
        // Before the version, the tool would read its files and fail at what it does not know.
        .args(["--no-defaults", "--version"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The version of the product, which is not always that of the program.
fn version_in(says: &str) -> Option<String> {
    let words = || says.split([' ', ',', '\n']).filter(|word| !word.is_empty());
    let found = words()
        .find_map(|word| word.split_once("-MariaDB").map(|(version, _)| version))
        .or_else(|| words().skip_while(|word| *word != "Ver").nth(1))?;
    Some(found.to_owned())
}

/// The first two numbers of a version.
pub(super) fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version
        .split(|char: char| !char.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (says, version, flavour) in [
            (
                "mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)",
                "10.11.19",
                Flavour::Mariadb,
            ),
            (
                "mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)",
                "11.4.2",
                Flavour::Mariadb,
            ),
            (
                "mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
                "8.0.36",
                Flavour::Mysql,
            ),
        ] {
            assert_eq!(version_in(says).as_deref(), Some(version));
            assert_eq!(Flavour::of(says), flavour);
        }
        assert_eq!(numbers("10.11.19-MariaDB-log"), (10, 11));
    }
}
