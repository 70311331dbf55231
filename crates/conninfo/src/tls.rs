//! The TLS parameters, with their files read.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::params::Params;
use crate::surroundings::Surroundings;
use crate::{Error, ErrorKind};

/// How much TLS is asked for; the meaning of each is libpq's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Plain text first, TLS when that is refused.
    Allow,
    /// TLS first, plain text when that fails.
    Prefer,
    /// Always; the certificate is verified only if there is a root certificate.
    Require,
    /// Always, and the certificate must come from a trusted authority.
    VerifyCa,
    /// Always, and the certificate must also be for this host.
    VerifyFull,
}

impl SslMode {
    /// As in `sslmode=…`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }
}

const MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Where Linux distributions and macOS keep their bundle.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A file and what was in it.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    #[cfg_attr(
        not(feature = "connect"),
        expect(dead_code, reason = "read by connect only")
    )]
    pub(crate) bytes: Arc<[u8]>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) mode: SslMode,
    pub(crate) roots: Option<Loaded>,
    /// Certificate chain and key.
    pub(crate) identity: Option<(Loaded, Loaded)>,
    pub(crate) sni: u8,
    pub(crate) min: Option<Version>,
    pub(crate) max: Option<Version>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

impl Version {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Version::Tls12 => "TLSv1.2",
            Version::Tls13 => "TLSv1.3",
        }
    }
}

impl Tls {
    pub(crate) fn read(params: &Params, around: &dyn Surroundings) -> Result<Self, Error> {
        let system = params.get("sslrootcert") == Some("system");
        let default = if system {
            SslMode::VerifyFull
        } else {
            SslMode::Prefer
        };
        let mode = params.choice("sslmode", default, MODES)?;
        if system && mode != SslMode::VerifyFull {
            return Err(Error::reading(
                ErrorKind::InvalidValue,
                "`sslrootcert=system` needs `sslmode=verify-full`",
            ));
        }
        // TLS 1.0 and 1.1 as a minimum are met by 1.2; as a maximum they leave nothing.
        let min = params.choice(
            "ssl_min_protocol_version",
            None,
            &[
                ("TLSv1", None),
                ("TLSv1.1", None),
                ("TLSv1.2", Some(Version::Tls12)),
                ("TLSv1.3", Some(Version::Tls13)),
            ],
        )?;
        let max = params.choice(
            "ssl_max_protocol_version",
            None,
            &[
                ("TLSv1.2", Some(Version::Tls12)),
                ("TLSv1.3", Some(Version::Tls13)),
            ],
        )?;
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err(Error::reading(
                ErrorKind::InvalidValue,
                "`ssl_min_protocol_version` is above `ssl_max_protocol_version`",
            ));
        }
        let sni = params.switch("sslsni", 1)?;
        let (roots, identity) = if mode == SslMode::Disable {
            (None, None)
        } else {
            (roots(params, mode, around)?, identity(params, around)?)
        };
        Ok(Self {
            mode,
            roots,
            identity,
            sni,
            min,
            max,
        })
    }
}

fn roots(
    params: &Params,
    mode: SslMode,
    around: &dyn Surroundings,
) -> Result<Option<Loaded>, Error> {
    match params.get("sslrootcert") {
        Some("system") => system_roots(around).map(Some),
        Some(path) => load("sslrootcert", Path::new(path), around).map(Some),
        None => {
            let default = in_home(around, "root.crt");
            match default.filter(|path| around.mode(path).is_some()) {
                Some(path) => load("the root certificate", &path, around).map(Some),
                None if matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) => {
                    Err(Error::reading(
                        ErrorKind::Missing,
                        format!("`sslmode={}` needs a root certificate", mode.as_str()),
                    )
                    .with_help(
                        "add `sslrootcert=/path/to/ca.crt`, or `sslrootcert=system`, or put it at ~/.postgresql/root.crt",
                    ))
                }
                None => Ok(None),
            }
        }
    }
}

fn system_roots(around: &dyn Surroundings) -> Result<Loaded, Error> {
    let own = around.var("SSL_CERT_FILE").filter(|path| !path.is_empty());
    own.iter()
        .map(String::as_str)
        .chain(SYSTEM_BUNDLES.iter().copied())
        .map(Path::new)
        .find(|path| around.mode(path).is_some())
        .ok_or_else(|| {
            Error::reading(
                ErrorKind::Missing,
                "`sslrootcert=system`: no bundle of trusted authorities was found",
            )
            .with_help("install ca-certificates, or set SSL_CERT_FILE")
        })
        .and_then(|path| load("the system's root certificates", path, around))
}

fn identity(params: &Params, around: &dyn Surroundings) -> Result<Option<(Loaded, Loaded)>, Error> {
    let default = in_home(around, "postgresql.crt").filter(|path| around.mode(path).is_some());
    let Some(cert) = params.get("sslcert").map(PathBuf::from).or(default) else {
        return Ok(None);
    };
    let Some(key) = params
        .get("sslkey")
        .map(PathBuf::from)
        .or_else(|| in_home(around, "postgresql.key"))
    else {
        return Err(Error::reading(
            ErrorKind::Missing,
            "`sslcert` is given but no `sslkey`",
        ));
    };
    let cert = load("sslcert", &cert, around)?;
    // libpq's rule; it lets the group read only a key that root owns.
    if around.mode(&key).is_some_and(|mode| mode & 0o037 != 0) {
        return Err(Error::reading(
            ErrorKind::Unusable,
            format!("others may read the private key {}", key.display()),
        )
        .with_help(format!("chmod 0600 {}", key.display())));
    }
    let key = load("sslkey", &key, around)?;
    Ok(Some((cert, key)))
}

fn in_home(around: &dyn Surroundings, file: &str) -> Option<PathBuf> {
    around
        .home()
        .map(|home| home.join(".postgresql").join(file))
}

fn load(what: &str, path: &Path, around: &dyn Surroundings) -> Result<Loaded, Error> {
    let bytes = around.read(path).map_err(|source| {
        let kind = if source.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::Missing
        } else {
            ErrorKind::Unusable
        };
        Error::reading(
            kind,
            format!("{what} cannot be read from {}", path.display()),
        )
        .with_source(source)
    })?;
    Ok(Loaded {
        path: path.to_owned(),
        bytes: bytes.into(),
    })
}
