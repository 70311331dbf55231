//! `postgresql://` URIs, split exactly where libpq splits them.

use crate::params::{Params, Quotable, known};
use crate::{Error, ErrorKind};

const SCHEMES: &[&str] = &["postgresql", "postgres", "postgis"];

/// A URI and what it said, or `None` when the text is not a URI.
pub(crate) fn parse(text: &str) -> Result<Option<Parsed>, Error> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(None);
    };
    // A keyword string may contain `://` inside a value.
    if !scheme
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b))
    {
        return Ok(None);
    }
    let base = scheme.split('+').next().unwrap_or(scheme);
    if !SCHEMES.contains(&base.to_ascii_lowercase().as_str()) {
        return Err(
            malformed(&format!("`{scheme}` is not a scheme of PostgreSQL"))
                .with_help("use postgresql://user@host/database"),
        );
    }
    parse_rest(rest).map(Some)
}

/// The parameters, and the password as it was written (for redaction).
pub(crate) struct Parsed {
    pub(crate) params: Params,
    pub(crate) raw_password: Option<String>,
}

fn parse_rest(rest: &str) -> Result<Parsed, Error> {
    let mut params = Params::default();
    let mut raw_password = None;
    // libpq looks for the `@` that ends the user's part only up to the first slash.
    let before_slash = rest.find('/').unwrap_or(rest.len());
    let (userinfo, rest) = match rest[..before_slash].find('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    if let Some(userinfo) = userinfo {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        params.set("user", decode(user)?);
        if let Some(password) = password {
            params.set("password", decode(password)?);
            raw_password = Some(password.to_owned());
        }
    }
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let stray = authority.contains('@')
        || path.contains('@')
        || (userinfo.is_none()
            && authority.contains(':')
            && query.is_some_and(|query| query.contains('@')));
    if stray {
        return Err(
            malformed("it has an `@` too many, or a `/` before the `@`").with_help(
                "percent-encode the password: `@` is %40, `/` is %2F, `:` is %3A, `%` is %25",
            ),
        );
    }
    hosts(authority, &mut params)?;
    if let Some(database) = path.strip_prefix('/')
        && !database.is_empty()
    {
        params.set("dbname", decode(database)?);
    }
    if let Some(query) = query {
        parameters(query, &mut params)?;
    }
    Ok(Parsed {
        params,
        raw_password,
    })
}

fn hosts(authority: &str, params: &mut Params) -> Result<(), Error> {
    if authority.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for part in authority.split(',') {
        let (name, port) = if let Some(v6) = part.strip_prefix('[') {
            let (name, after) = v6
                .split_once(']')
                .ok_or_else(|| malformed("an IPv6 address has no closing bracket"))?;
            if name.is_empty() {
                return Err(malformed("an IPv6 address is empty"));
            }
            match after.strip_prefix(':') {
                Some(port) => (name, port),
                None if after.is_empty() => (name, ""),
                None => return Err(malformed("only a port may follow an IPv6 address")),
            }
        } else {
            part.split_once(':').unwrap_or((part, ""))
        };
        names.push(decode(name)?);
        ports.push(decode(port)?);
    }
    params.set("host", names.join(","));
    // One port per host, even where it is empty: lists are paired by place.
    if ports.iter().any(|port| !port.is_empty()) {
        params.set("port", ports.join(","));
    }
    Ok(())
}

fn parameters(query: &str, params: &mut Params) -> Result<(), Error> {
    let quotable = if query.contains('@') {
        Quotable::No
    } else {
        Quotable::Yes
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| malformed("a parameter has no `=`"))?;
        let (name, value) = (decode(name)?, decode(value)?);
        // JDBC writes `ssl=true`, asyncpg `ssl=require`; libpq itself accepts the first.
        if name == "ssl" {
            let mode = if value == "true" {
                "require".to_owned()
            } else {
                value
            };
            params.set("sslmode", mode);
            continue;
        }
        params.set(known(&name, quotable)?, value);
    }
    Ok(())
}

/// Percent-decoding. `+` stays `+`, as in libpq.
fn decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (hex(rest.next()), hex(rest.next()));
        match (high, low) {
            (Some(0), Some(0)) => return Err(malformed("%00 is not allowed")),
            (Some(high), Some(low)) => bytes.push(high * 16 + low),
            _ => {
                return Err(malformed("a `%` is not followed by two hexadecimal digits")
                    .with_help("a literal `%` is written %25"));
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed("a percent-encoded value is not UTF-8"))
}

fn hex(byte: Option<u8>) -> Option<u8> {
    char::from(byte?)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn malformed(detail: &str) -> Error {
    Error::reading(ErrorKind::Malformed, detail)
}
