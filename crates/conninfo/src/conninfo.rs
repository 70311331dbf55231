use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::host::Host;
use crate::tls::{SslMode, Tls};

/// Where a database is and how to get in.
///
/// `Display` is a safe label (`user@host:5432/database`) and `Debug` masks the password.
#[derive(Clone)]
pub struct Conninfo {
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) database: String,
    /// Whether somebody said so, or it is only libpq's default.
    pub(crate) names_database: bool,
    /// One per host: a password file may know a different one for each.
    pub(crate) passwords: Vec<Option<String>>,
    /// Where the passwords came from, when that was a file.
    pub(crate) passfile: Option<PathBuf>,
    pub(crate) secrets: Vec<String>,
    pub(crate) options: String,
    pub(crate) application_name: Option<String>,
    /// `None` means without limit (`connect_timeout=0`).
    pub(crate) connect_timeout: Option<Duration>,
    #[cfg_attr(
        not(feature = "connect"),
        expect(dead_code, reason = "read by connect only")
    )]
    pub(crate) keepalive: Keepalive,
    pub(crate) target: Target,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) tls: Tls,
    /// A program and its arguments, instead of a socket.
    #[cfg_attr(
        not(feature = "connect"),
        expect(dead_code, reason = "read by connect only")
    )]
    pub(crate) proxy: Option<Vec<String>>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "connect"),
    expect(dead_code, reason = "read by connect only")
)]
pub(crate) struct Keepalive {
    pub(crate) on: u8,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

impl Conninfo {
    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whether the text, its service or `PGDATABASE` names the database. Otherwise it is libpq's
    /// default, the one called like the user, which is seldom what was meant.
    #[must_use]
    pub fn names_database(&self) -> bool {
        self.names_database
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The places to try, in order; never empty.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// How much TLS is asked for.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.tls.mode
    }

    /// The session's `application_name`, if one was given.
    #[must_use]
    pub fn application_name(&self) -> Option<&str> {
        self.application_name.as_deref()
    }

    /// Remarks a person should see when a connection fails, such as a password file that was
    /// passed over because others may read it.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The texts to strike out of anything that is shown: the password, also as it was written
    /// in a URI.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        self.secrets.iter().map(String::as_str).collect()
    }

    /// The same way in, to another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self {
            database: database.to_owned(),
            names_database: true,
            ..self.clone()
        }
    }

    /// The same, with this `application_name`.
    #[must_use]
    pub fn with_application_name(&self, name: &str) -> Self {
        Self {
            application_name: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// The same, with a server setting in force from the start (`-c name=value` in `options`).
    #[must_use]
    pub fn with_setting(&self, name: &str, value: &str) -> Self {
        let mut options = self.options.clone();
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str("-c ");
        // The server splits options at white space and removes backslashes.
        for c in format!("{name}={value}").chars() {
            if c == '\\' || c.is_whitespace() {
                options.push('\\');
            }
            options.push(c);
        }
        Self {
            options,
            ..self.clone()
        }
    }

    /// The same, through a program whose standard input and output are the connection, as ssh's
    /// `ProxyCommand`. It is started for each session, and killed with it. Of the hosts only the
    /// label is used then, and there is no TLS: what the program connects to is its business.
    ///
    /// Children do not go through it: [`Conninfo::libpq_env`] stays as it is.
    #[must_use]
    pub fn with_proxy(&self, command: Vec<String>) -> Self {
        Self {
            proxy: Some(command).filter(|command| !command.is_empty()),
            ..self.clone()
        }
    }

    /// The same, giving up on each host after this long.
    #[must_use]
    pub fn with_connect_timeout(&self, timeout: Duration) -> Self {
        Self {
            connect_timeout: Some(timeout),
            ..self.clone()
        }
    }
}

impl fmt::Display for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.user)?;
        for (i, host) in self.hosts.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{host}")?;
        }
        write!(f, "/{}", self.database)
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.passwords.iter().any(Option::is_some) {
            "***"
        } else {
            "none"
        };
        f.debug_struct("Conninfo")
            .field("at", &self.to_string())
            .field("password", &password)
            .field("tls", &self.tls)
            .field("application_name", &self.application_name)
            .field("connect_timeout", &self.connect_timeout)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
