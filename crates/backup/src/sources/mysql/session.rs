//! Our own connections.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error as DriverError, IoError};
use twox_hash::XxHash3_128;

use super::source::MysqlSource;
use super::tools::Flavour;
use crate::{Error, ErrorKind};

impl MysqlSource {
    /// A session on no database, with fixed settings.
    pub(super) async fn session(&self) -> Result<Conn, Error> {
        let mut session = Conn::new(self.address.opts().clone())
            .await
            .map_err(|source| self.refused("connect to", self.address.to_string(), source))?;
        let wait = self.options.lock_wait_timeout.as_secs().max(1);
        let set_up = format!(
            "SET SESSION sql_mode = '', time_zone = '+00:00', lock_wait_timeout = {wait}, wait_timeout = 28800, net_write_timeout = 600"
        );
        session.query_drop(set_up).await.map_err(|source| {
            self.refused("set up a session on", self.address.to_string(), source)
        })?;
        let unlimited = match Flavour::of(&self.version(&mut session).await?) {
            Flavour::Mariadb => "SET SESSION max_statement_time = 0",
            Flavour::Mysql => "SET SESSION max_execution_time = 0",
        };
        if let Err(error) = session.query_drop(unlimited).await {
            tracing::debug!(%error, "the server has no limit for statements");
        }
        Ok(session)
    }

    /// A session with this database for ourselves until it ends.
    ///
    /// A run that was killed may leave its last statement at work on the server. Whoever makes,
    /// marks, looks for or drops a database therefore waits here until its session is over.
    pub(super) async fn alone_with(&self, database: &str) -> Result<Conn, Error> {
        let mut session = self.session().await?;
        let name = format!("ripcord:{:032x}", XxHash3_128::oneshot(database.as_bytes()));
        let wait = self.options.lock_wait_timeout.as_secs();
        let got: Option<Option<u8>> = session
            .exec_first("SELECT GET_LOCK(?, ?)", (name, wait))
            .await
            .map_err(|source| self.refused("wait for another run's work on", database, source))?;
        if got.flatten() == Some(1) {
            return Ok(session);
        }
        Err(Error::new(
            "wait for another run's work on",
            database,
            ErrorKind::Locked,
            format!("it is not done after {wait} s"),
        ))
    }

    /// What the server said, as our error.
    pub(super) fn refused(
        &self,
        operation: &'static str,
        subject: impl Into<String>,
        source: DriverError,
    ) -> Error {
        let (kind, detail) = match &source {
            DriverError::Server(error) => (kind_of(error.code), error.message.clone()),
            DriverError::Io(IoError::Io(error)) => (ErrorKind::Unreachable, error.to_string()),
            DriverError::Io(error) => (ErrorKind::Unreachable, error.to_string()),
            DriverError::Driver(error) => (ErrorKind::Unreachable, error.to_string()),
            _ => (ErrorKind::Server, "the driver failed".to_owned()),
        };
        Error::new(operation, subject, kind, self.redact(&detail))
    }
}

fn kind_of(code: u16) -> ErrorKind {
    match code {
        // Access denied: to a database, at all, to a table, a column, a routine, for want of a
        // privilege, without a password, account locked.
        1044 | 1045 | 1142 | 1143 | 1370 | 1227 | 1698 | 3118 | 4151 => ErrorKind::PermissionDenied,
        1049 | 1008 => ErrorKind::NotFound,
        1007 => ErrorKind::AlreadyExists,
        1205 | 1213 => ErrorKind::Locked,
        // Too many connections, shutting down, killed, connection lost.
        1040 | 1053 | 1317 | 1927 | 2006 | 2013 => ErrorKind::Unreachable,
        _ => ErrorKind::Server,
    }
}

/// Whether the server says that the user has no right to do this.
pub(super) fn is_denied(error: &DriverError) -> bool {
    matches!(error, DriverError::Server(error) if kind_of(error.code) == ErrorKind::PermissionDenied)
}

/// An identifier in a statement.
pub(super) fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string in a statement of a session whose `sql_mode` is empty.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
