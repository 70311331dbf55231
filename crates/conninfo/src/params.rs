//! The parameters libpq knows, which of them are supported, and what a string gave for them.

use std::collections::BTreeMap;

use crate::{Error, ErrorKind};

/// Parameter name, and the variable libpq takes it from when it is not given.
const KNOWN: &[(&str, Option<&str>)] = &[
    ("application_name", Some("PGAPPNAME")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("client_encoding", Some("PGCLIENTENCODING")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("dbname", Some("PGDATABASE")),
    ("fallback_application_name", None),
    ("gssdelegation", Some("PGGSSDELEGATION")),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("gsslib", Some("PGGSSLIB")),
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("keepalives", None),
    ("keepalives_count", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("krbsrvname", Some("PGKRBSRVNAME")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    ("min_protocol_version", Some("PGMINPROTOCOLVERSION")),
    ("options", Some("PGOPTIONS")),
    ("passfile", Some("PGPASSFILE")),
    ("password", Some("PGPASSWORD")),
    ("port", Some("PGPORT")),
    ("replication", None),
    ("require_auth", Some("PGREQUIREAUTH")),
    ("requirepeer", Some("PGREQUIREPEER")),
    ("service", Some("PGSERVICE")),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslcertmode", Some("PGSSLCERTMODE")),
    ("sslcompression", Some("PGSSLCOMPRESSION")),
    ("sslcrl", Some("PGSSLCRL")),
    ("sslcrldir", Some("PGSSLCRLDIR")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("sslpassword", None),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslsni", Some("PGSSLSNI")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("tcp_user_timeout", None),
    ("user", Some("PGUSER")),
];

/// Parameters that are refused, the values that are harmless all the same, and why.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("gssdelegation", &["0"], "Kerberos is not supported"),
    (
        "gssencmode",
        &["disable", "prefer", "allow"],
        "GSS encryption is not supported; use TLS (`sslmode`)",
    ),
    (
        "load_balance_hosts",
        &["disable"],
        "hosts are always tried in order",
    ),
    (
        "max_protocol_version",
        &["3.0", "latest"],
        "only 3.0 is spoken",
    ),
    ("min_protocol_version", &["3.0"], "only 3.0 is spoken"),
    (
        "replication",
        &["false", "off", "no", "0"],
        "replication connections are not supported",
    ),
    (
        "require_auth",
        &[],
        "the authentication method cannot be demanded; use `channel_binding=require`",
    ),
    (
        "requirepeer",
        &[],
        "the server's process owner cannot be checked",
    ),
    ("sslcertmode", &["allow"], "only `allow` is supported"),
    ("sslcompression", &["0"], "TLS compression is not secure"),
    ("sslcrl", &[], "revocation lists are not supported"),
    ("sslcrldir", &[], "revocation lists are not supported"),
    (
        "sslnegotiation",
        &["postgres"],
        "direct TLS negotiation is not supported",
    ),
    (
        "sslpassword",
        &[],
        "encrypted client keys are not supported; store the key without a passphrase, mode 0600",
    ),
];

/// What was given, by parameter name. Values may be secret, so there is no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Params(BTreeMap<&'static str, String>);

impl Params {
    /// The value; an empty one counts as not given, as in libpq.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Later ones win, as in libpq.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.0.insert(name, value);
    }

    pub(crate) fn set_if_absent(&mut self, name: &'static str, value: String) {
        self.0.entry(name).or_insert(value);
    }

    /// Fills in what libpq would take from its variables.
    pub(crate) fn fill_from(&mut self, var: impl Fn(&str) -> Option<String>) {
        for (name, variable) in KNOWN {
            if let Some(value) = variable.and_then(&var) {
                self.set_if_absent(name, value);
            }
        }
    }

    /// Refuses what this library cannot do.
    pub(crate) fn check_supported(&self) -> Result<(), Error> {
        for (name, harmless, why) in REFUSED {
            let Some(value) = self.get(name) else {
                continue;
            };
            if !harmless.contains(&value) {
                return Err(Error::reading(
                    ErrorKind::Unsupported,
                    format!("`{name}` is not supported with this value: {why}"),
                ));
            }
        }
        if let Some(encoding) = self.get("client_encoding") {
            let plain: String = encoding
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            if !["utf8", "unicode", "auto"].contains(&plain.to_lowercase().as_str()) {
                return Err(Error::reading(
                    ErrorKind::Unsupported,
                    "`client_encoding` must be UTF8",
                ));
            }
        }
        Ok(())
    }

    /// One of the listed values, or the default.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &'static str,
        default: T,
        values: &[(&str, T)],
    ) -> Result<T, Error> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        if let Some((_, found)) = values.iter().find(|(text, _)| *text == value) {
            return Ok(*found);
        }
        let names: Vec<&str> = values.iter().map(|(text, _)| *text).collect();
        let error = Error::reading(
            ErrorKind::InvalidValue,
            format!("`{name}` must be one of: {}", names.join(", ")),
        );
        Err(match nearest(value, names) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// A whole number of at least zero.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, Error> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        // libpq takes negative timeouts for "none".
        let number: i64 = value.trim().parse().map_err(|_| {
            Error::reading(
                ErrorKind::InvalidValue,
                format!("`{name}` must be a whole number"),
            )
        })?;
        Ok(Some(u64::try_from(number).unwrap_or(0)))
    }

    /// A switch that is written `0` or `1`.
    pub(crate) fn switch(&self, name: &'static str, default: u8) -> Result<u8, Error> {
        self.choice(name, default, &[("0", 0), ("1", 1)])
    }
}

/// The parameter's canonical name.
///
/// # Errors
/// `UnknownParameter`, naming the nearest one. A name that may be part of a password that was not
/// escaped is not repeated: `quotable` says whether the caller could rule that out.
pub(crate) fn known(name: &str, quotable: Quotable) -> Result<&'static str, Error> {
    if let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Ok(known);
    }
    let plain = name.len() <= 40
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    let detail = match (quotable, plain) {
        (Quotable::Yes, true) => format!("there is no parameter `{name}`"),
        _ => "it has a parameter that does not exist".to_owned(),
    };
    let error = Error::reading(ErrorKind::UnknownParameter, detail);
    Err(match nearest(name, KNOWN.iter().map(|(known, _)| *known)) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error.with_help("only libpq's parameters are understood"),
    })
}

/// Whether a piece of the input may be repeated in an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotable {
    Yes,
    No,
}

/// The candidate with the fewest edits, when that is few enough to be a slip.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (edits(&name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= 2.max(candidate.len() / 4))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
