use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::params::Params;
use crate::surroundings::Surroundings;
use crate::{Error, ErrorKind};

const DEFAULT_PORT: u16 = 5432;

/// One place where the server may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A server reached over the network.
    Tcp {
        /// Host name or address as given; certificates are checked against it.
        name: String,
        /// TCP port.
        port: u16,
        /// The address to connect to instead of resolving `name`.
        hostaddr: Option<IpAddr>,
    },
    /// A server reached through a socket in a directory.
    Unix {
        /// The directory; the socket in it is `.s.PGSQL.<port>`.
        dir: PathBuf,
        /// The port that is part of the socket's name.
        port: u16,
    },
}

impl Host {
    /// The port, of the socket's name too.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Host::Tcp { port, .. } | Host::Unix { port, .. } => *port,
        }
    }

    /// Host name, address, or directory: what libpq calls `host`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Host::Tcp { name, .. } => name.clone(),
            Host::Unix { dir, .. } => dir.to_string_lossy().into_owned(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Tcp { name, port, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Host::Tcp { name, port, .. } => write!(f, "{name}:{port}"),
            Host::Unix { dir, port } => write!(f, "{}:{port}", dir.display()),
        }
    }
}

/// Pairs up the lists `host`, `hostaddr` and `port`, as libpq does.
pub(crate) fn hosts(params: &Params, around: &dyn Surroundings) -> Result<Vec<Host>, Error> {
    let names = list(params.get("host"));
    let addrs = list(params.get("hostaddr"));
    let ports = list(params.get("port"));
    let count = names.len().max(addrs.len()).max(1);
    if !names.is_empty() && !addrs.is_empty() && names.len() != addrs.len() {
        return Err(malformed("as many `hostaddr` as `host` are needed"));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(malformed("one `port`, or as many as hosts, are needed"));
    }
    (0..count)
        .map(|i| {
            let port = match ports.get(i).or_else(|| ports.first()).map(String::as_str) {
                None | Some("") => DEFAULT_PORT,
                Some(text) => text
                    .trim()
                    .parse()
                    .ok()
                    .filter(|port| *port != 0)
                    .ok_or_else(|| {
                        malformed("a port is not a number from 1 to 65535").with_help(
                            "if the password contains `/`, `:` or `@`, percent-encode them",
                        )
                    })?,
            };
            let name = names.get(i).cloned().unwrap_or_default();
            let addr = addrs.get(i).cloned().unwrap_or_default();
            host(name, &addr, port, around)
        })
        .collect()
}

fn host(name: String, addr: &str, port: u16, around: &dyn Surroundings) -> Result<Host, Error> {
    if name.starts_with('@') && name.len() > 1 && !name[1..].contains('@') {
        return Err(Error::reading(
            ErrorKind::Unsupported,
            "abstract sockets are not supported",
        ));
    }
    if name.contains('@') {
        return Err(malformed("a host contains `@`")
            .with_help("percent-encode `@` in the user or password as %40"));
    }
    if name.chars().any(char::is_whitespace) && !name.starts_with('/') {
        return Err(malformed("a host contains white space"));
    }
    if !addr.is_empty() {
        let hostaddr: IpAddr = addr
            .parse()
            .map_err(|_| malformed("`hostaddr` is not an IP address"))?;
        let name = if name.is_empty() {
            addr.to_owned()
        } else {
            name
        };
        return Ok(Host::Tcp {
            name,
            port,
            hostaddr: Some(hostaddr),
        });
    }
    if name.is_empty() {
        return Ok(default_host(port, around));
    }
    if name.starts_with('/') {
        return Ok(Host::Unix {
            dir: PathBuf::from(name),
            port,
        });
    }
    Ok(Host::Tcp {
        name,
        port,
        hostaddr: None,
    })
}

/// libpq's default is compiled in and differs by distribution; the usual two are looked for.
fn default_host(port: u16, around: &dyn Surroundings) -> Host {
    for dir in ["/var/run/postgresql", "/tmp"] {
        let dir = PathBuf::from(dir);
        if around.mode(&dir.join(format!(".s.PGSQL.{port}"))).is_some() {
            return Host::Unix { dir, port };
        }
    }
    Host::Tcp {
        name: "localhost".to_owned(),
        port,
        hostaddr: None,
    }
}

fn list(value: Option<&str>) -> Vec<String> {
    match value {
        None | Some("") => Vec::new(),
        Some(value) => value
            .split(',')
            .map(|part| part.trim().to_owned())
            .collect(),
    }
}

fn malformed(detail: &str) -> Error {
    Error::reading(ErrorKind::Malformed, detail)
}
