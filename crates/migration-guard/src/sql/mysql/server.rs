use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// Which server will run a migration: `8.0`, `8.0.36`, `8.4`, `mariadb-10.11`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MySqlServer(Option<(Flavour, Version)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    MySql,
    MariaDb,
}

type Version = (u32, u32, u32);

/// What is assumed when nothing is said.
const ASSUMED: [(Flavour, Version); 2] =
    [(Flavour::MySql, (8, 0, 29)), (Flavour::MariaDb, (10, 6, 0))];

impl MySqlServer {
    /// Whether everything that may be meant is MySQL of at least `version`, or MariaDB.
    pub(crate) fn mysql_has(&self, version: Version) -> bool {
        self.meant()
            .iter()
            .all(|(flavour, v)| *flavour == Flavour::MariaDb || *v >= version)
    }

    pub(crate) fn may_be_mysql(&self) -> bool {
        self.meant().iter().any(|(f, _)| *f == Flavour::MySql)
    }

    pub(crate) fn may_be_mariadb(&self) -> bool {
        self.meant().iter().any(|(f, _)| *f == Flavour::MariaDb)
    }

    fn meant(&self) -> &[(Flavour, Version)] {
        match &self.0 {
            Some(one) => std::slice::from_ref(one),
            None => &ASSUMED,
        }
    }
}

impl FromStr for MySqlServer {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Unsupported`] for anything but `[mariadb-]MAJOR.MINOR[.PATCH]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let (flavour, numbers) = match lower.strip_prefix("mariadb-") {
            Some(rest) => (Flavour::MariaDb, rest),
            None => (
                Flavour::MySql,
                lower.strip_prefix("mysql-").unwrap_or(&lower),
            ),
        };
        let parts: Result<Vec<u32>, _> = numbers.split('.').map(str::parse).collect();
        match parts.as_deref() {
            // The patch level that is not named is the first one: the careful side.
            Ok([major]) => Ok(Self(Some((flavour, (*major, 0, 0))))),
            Ok([major, minor]) => Ok(Self(Some((flavour, (*major, *minor, 0))))),
            Ok([major, minor, patch]) => Ok(Self(Some((flavour, (*major, *minor, *patch))))),
            _ => Err(
                Error::new(ErrorKind::Unsupported, "read server version", text)
                    .because("it is not a version of MySQL or MariaDB")
                    .with_help("8.0.36, 8.4, mariadb-10.11"),
            ),
        }
    }
}

impl fmt::Display for MySqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("any"),
            Some((flavour, (major, minor, patch))) => {
                let name = match flavour {
                    Flavour::MySql => "mysql",
                    Flavour::MariaDb => "mariadb",
                };
                write!(f, "{name}-{major}.{minor}.{patch}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_the_careful_side_is_assumed() {
        let old: MySqlServer = "8.0".parse().unwrap();
        assert!(!old.mysql_has((8, 0, 29)) && !old.may_be_mariadb());
        let new: MySqlServer = "mysql-8.4.3".parse().unwrap();
        assert!(new.mysql_has((8, 0, 29)));
        let maria: MySqlServer = "MariaDB-10.11".parse().unwrap();
        assert!(maria.mysql_has((8, 0, 29)) && !maria.may_be_mysql());
        assert_eq!(maria.to_string(), "mariadb-10.11.0");
        let any = MySqlServer::default();
        assert!(any.may_be_mysql() && any.may_be_mariadb() && any.mysql_has((8, 0, 29)));
        assert!("latest".parse::<MySqlServer>().is_err());
    }
}
