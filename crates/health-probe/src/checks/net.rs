//! What a failed connection means.

use std::io;

use crate::{CheckResult, Reason};

/// The reason behind an I/O error while connecting or talking.
pub(crate) fn io_reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::NotFound => Reason::Unreachable,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData => Reason::Protocol,
        io::ErrorKind::PermissionDenied => Reason::Auth,
        _ => Reason::Unknown,
    }
}

/// A name that does not resolve says nothing about the service: the source is broken.
pub(crate) fn unresolved(name: &str) -> CheckResult {
    CheckResult::source_broken(name, Reason::Dns, "the host name does not resolve")
}
