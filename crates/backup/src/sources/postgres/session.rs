//! Our own connections.

use ripcord_conninfo::{ErrorKind as ConnectKind, Session};
use tokio_postgres::error::SqlState;

use super::source::PostgresSource;
use crate::{Error, ErrorKind};

/// Settings under which the same content always reads the same, and nothing cuts us short.
/// Joined with `pg_settings`, because not every version has each of them.
const SETTINGS: &str = "
SELECT pg_catalog.set_config(s.name, v.value, false)
FROM (VALUES
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, YMD'),
    ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '3'),
    ('bytea_output', 'hex'),
    ('xmlbinary', 'base64'),
    ('lc_monetary', 'C'),
    ('quote_all_identifiers', 'off'),
    ('search_path', 'pg_catalog'),
    ('row_security', 'off'),
    ('standard_conforming_strings', 'on'),
    ('jit', 'off'),
    -- So that the server notices when we are gone, in the middle of a statement too.
    ('client_connection_check_interval', '2s'),
    -- And when our machine is gone, before anybody has waited for `lock_timeout`.
    ('tcp_keepalives_idle', '15'),
    ('tcp_keepalives_interval', '5'),
    ('tcp_keepalives_count', '3'),
    ('default_transaction_read_only', 'off'),
    ('transaction_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    ('lock_timeout', $1::text)
) AS v(name, value)
JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(v.name)";

impl PostgresSource {
    /// A session on a database of this server, with fixed settings.
    pub(super) async fn session(&self, database: &str) -> Result<Session, Error> {
        let conninfo = self.conninfo.with_database(database);
        let client = conninfo.session().await.map_err(|source| {
            let kind = match source.kind() {
                ConnectKind::DatabaseMissing => ErrorKind::NotFound,
                ConnectKind::Authentication => ErrorKind::PermissionDenied,
                ConnectKind::Unusable | ConnectKind::Missing => ErrorKind::InvalidInput,
                ConnectKind::Server if is_closed(&source) => ErrorKind::NotAccepting,
                ConnectKind::Server => ErrorKind::Server,
                _ => ErrorKind::Unreachable,
            };
            let help = source.help().map(str::to_owned);
            let error = Error::new("connect to", conninfo.to_string(), kind, source.to_string())
                .with_source(source);
            match help {
                Some(help) => error.with_help(help),
                None => error,
            }
        })?;
        // First and alone: it may be too short for anything else.
        client
            .batch_execute("SET statement_timeout = 0")
            .await
            .map_err(|source| refused("set up a session on", database, source))?;
        let lock = self.options.lock_wait_timeout.as_millis().to_string();
        client
            .query(SETTINGS, &[&lock])
            .await
            .map_err(|source| refused("set up a session on", database, source))?;
        Ok(client)
    }

    /// A session from which databases can be created, dropped and renamed.
    pub(super) async fn maintenance(&self) -> Result<Session, Error> {
        self.session(&self.options.maintenance_database).await
    }

    /// As [`Self::maintenance`], with these databases for ourselves until the session ends.
    ///
    /// A run that was killed leaves its last statement at work on the server, and the catalogue
    /// does not show yet what will come of it: a `CREATE DATABASE`, or the switch's `COMMIT`.
    /// Whoever makes, marks, looks for, renames or drops a database therefore waits here until
    /// the killed run's session is over.
    pub(super) async fn alone_with(&self, databases: &[&str]) -> Result<Session, Error> {
        let client = self.maintenance().await?;
        // In one order, so that two runs never wait for each other.
        let mut sorted = databases.to_vec();
        sorted.sort_unstable();
        for database in sorted {
            client
                .query(ALONE, &[&database])
                .await
                .map_err(|source| refused("wait for another run's work on", database, source))?;
        }
        Ok(client)
    }
}

/// Whether it is `ALLOW_CONNECTIONS false` that keeps us out.
fn is_closed(error: &ripcord_conninfo::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<tokio_postgres::Error>())
        .and_then(tokio_postgres::Error::code)
        .is_some_and(|code| *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE)
}

/// One key for each name of a database; the number only keeps clear of others' keys.
const ALONE: &str = "SELECT pg_advisory_lock(hashtextextended($1, 7268207160))";

/// What the server said, as our error.
pub(super) fn refused(
    operation: &'static str,
    subject: impl Into<String>,
    source: tokio_postgres::Error,
) -> Error {
    let (kind, detail) = match source.as_db_error() {
        None if source.is_closed() => {
            (ErrorKind::Unreachable, "the connection was lost".to_owned())
        }
        None => (ErrorKind::Unreachable, source.to_string()),
        Some(db) => {
            let code = db.code();
            let kind = if *code == SqlState::INSUFFICIENT_PRIVILEGE {
                ErrorKind::PermissionDenied
            } else if *code == SqlState::LOCK_NOT_AVAILABLE {
                ErrorKind::Locked
            } else if *code == SqlState::OBJECT_IN_USE {
                ErrorKind::InUse
            } else if *code == SqlState::DUPLICATE_DATABASE {
                ErrorKind::AlreadyExists
            } else if *code == SqlState::INVALID_CATALOG_NAME {
                ErrorKind::NotFound
            } else if code.code().starts_with("57P") || code.code().starts_with("08") {
                // The server is going down, or our session was ended.
                ErrorKind::Unreachable
            } else {
                ErrorKind::Server
            };
            (kind, db.message().to_owned())
        }
    };
    Error::new(operation, subject, kind, detail).with_source(source)
}

/// An identifier in a statement.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string in a statement; right whatever `standard_conforming_strings` is.
pub(super) fn literal(text: &str) -> String {
    let escaped = text.replace('\'', "''").replace('\\', "\\\\");
    if text.contains('\\') {
        format!(" E'{escaped}'")
    } else {
        format!("'{escaped}'")
    }
}
