//! What it means that there was no connection or no answer.

use std::error::Error as StdError;
use std::io;

use ripcord_conninfo::{Conninfo, Error as ConnectError, ErrorKind as ConnectKind};
use tokio_postgres::error::SqlState;

use crate::checks::net::{io_reason, unresolved};
use crate::secret::clean;
use crate::{CheckResult, Reason};

/// No connection.
pub(super) fn cannot_connect(name: &str, error: &ConnectError) -> CheckResult {
    let fail = |reason, detail: &str| CheckResult::fail(name, reason, detail);
    match error.kind() {
        ConnectKind::Unreachable => match unreachable_reason(error) {
            Reason::Dns => unresolved(name),
            reason => fail(reason, "no connection"),
        },
        ConnectKind::Timeout => fail(Reason::ConnectTimeout, "no connection in time"),
        ConnectKind::Tls => fail(Reason::Tls, "the TLS handshake failed"),
        ConnectKind::Authentication => fail(Reason::Auth, "the credentials are missing or refused"),
        ConnectKind::DatabaseMissing => fail(Reason::Query, "the database does not exist"),
        ConnectKind::NotAccepting if sql_state(error) == Some(&SqlState::TOO_MANY_CONNECTIONS) => {
            fail(Reason::Resource, "the server has no connection left")
        }
        ConnectKind::NotAccepting => fail(Reason::Starting, "the server is starting or stopping"),
        ConnectKind::WrongSession => fail(Reason::Unreachable, "no server of the wanted kind"),
        ConnectKind::Server => fail(Reason::Protocol, "the server refused the session"),
        _ => CheckResult::source_broken(
            name,
            Reason::Unknown,
            "the connection string cannot be used",
        ),
    }
}

/// A connection, and then no answer.
pub(super) fn query_failed(
    name: &str,
    error: &tokio_postgres::Error,
    conninfo: &Conninfo,
) -> CheckResult {
    let Some(db) = error.as_db_error() else {
        let detail = "the connection broke before the answer";
        return CheckResult::fail(name, Reason::Protocol, detail);
    };
    let reason = match db.code().code() {
        "57014" => Reason::Timeout,
        "42501" => Reason::Auth,
        "57P01" | "57P02" | "57P03" => Reason::Starting,
        code if code.starts_with("53") => Reason::Resource,
        _ => Reason::Query,
    };
    let mut message = db.message().to_owned();
    for secret in conninfo.secrets() {
        message = message.replace(secret, "***");
    }
    let detail = format!("SQLSTATE {}: {}", db.code().code(), clean(&message, 200));
    CheckResult::fail(name, reason, detail)
}

fn unreachable_reason(error: &ConnectError) -> Reason {
    let io = causes(error).find_map(|e| e.downcast_ref::<io::Error>());
    match io {
        // The standard library has no kind of its own for a name that does not resolve.
        Some(e) if e.to_string().contains("lookup address") => Reason::Dns,
        Some(e) => io_reason(e),
        None => Reason::Unreachable,
    }
}

fn sql_state(error: &ConnectError) -> Option<&SqlState> {
    causes(error)
        .find_map(|e| e.downcast_ref::<tokio_postgres::Error>())
        .and_then(tokio_postgres::Error::code)
}

fn causes(error: &ConnectError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&e| e.source())
}
