//! Where the server is, as a URL says it.

use std::fmt;

use mysql_async::{Opts, OptsBuilder, SslOpts, UrlError};

use super::options::MysqlOptions;
use crate::{Error, ErrorKind};

/// A parsed URL. What it shows of itself holds no password.
#[derive(Clone)]
pub(super) struct Address {
    opts: Opts,
    database: String,
}

impl Address {
    /// # Errors
    /// `InvalidInput`, without repeating the URL.
    pub(super) fn parse(url: &str, options: &MysqlOptions) -> Result<Self, Error> {
        let invalid = |detail: String| {
            Error::new("read", "the database URL", ErrorKind::InvalidInput, detail)
                .with_help("a URL is mysql://USER:PASSWORD@HOST:PORT/DATABASE")
        };
        let rest = url
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "mysql" | "mariadb"))
            .map(|(_, rest)| rest)
            .ok_or_else(|| invalid("it must begin with mysql:// or mariadb://".to_owned()))?;
        let translated = translate(rest).map_err(invalid)?;
        let opts = Opts::from_url(&format!("mysql://{translated}")).map_err(|error| {
            invalid(match error {
                UrlError::InvalidParamValue { param, .. } => {
                    format!("the parameter {param} has a value that cannot be used")
                }
                UrlError::UnknownParameter { param } => format!("unknown parameter {param}"),
                UrlError::Parse(_) | UrlError::Invalid => "it is not a URL".to_owned(),
                _ => "it cannot be used".to_owned(),
            })
        })?;
        let database = opts.db_name().unwrap_or_default().to_owned();
        if database.is_empty() {
            return Err(invalid("it names no database".to_owned()));
        }
        let mut builder = OptsBuilder::from_opts(opts)
            // It would go to another server when that one happens to run on this machine.
            .prefer_socket(false)
            .db_name(None::<String>);
        let ssl: Option<SslOpts> = Opts::from(builder.clone()).ssl_opts().cloned();
        if let Some(ca_file) = &options.ca_file {
            let ssl = ssl
                .unwrap_or_default()
                .with_root_certs(vec![ca_file.clone().into()]);
            builder = builder.ssl_opts(ssl);
        }
        Ok(Self {
            opts: builder.into(),
            database,
        })
    }

    pub(super) fn opts(&self) -> &Opts {
        &self.opts
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) fn user(&self) -> &str {
        self.opts.user().unwrap_or_default()
    }

    pub(super) fn password(&self) -> &str {
        self.opts.pass().unwrap_or_default()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.user().is_empty() {
            write!(f, "{}@", self.user())?;
        }
        match self.opts.socket() {
            Some(socket) => write!(f, "{socket}")?,
            None => write!(f, "{}:{}", self.opts.ip_or_hostname(), self.opts.tcp_port())?,
        }
        write!(f, "/{}", self.database)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Parameters as other clients know them, in the driver's words.
fn translate(rest: &str) -> Result<String, String> {
    let Some((before, query)) = rest.split_once('?') else {
        return Ok(rest.to_owned());
    };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name.to_ascii_lowercase().as_str() {
            // Everything here is read and written in utf8mb4.
            "charset" | "collation" => {}
            "ssl-mode" | "ssl_mode" | "sslmode" => match value.to_ascii_lowercase().as_str() {
                "disabled" | "preferred" => {}
                "required" => kept.push("require_ssl=true&verify_ca=false&verify_identity=false"),
                "verify_ca" => kept.push("require_ssl=true&verify_identity=false"),
                "verify_identity" => kept.push("require_ssl=true"),
                _ => {
                    return Err(format!(
                        "the parameter {name} has a value that is not known"
                    ));
                }
            },
            _ => kept.push(pair),
        }
    }
    if kept.is_empty() {
        return Ok(before.to_owned());
    }
    Ok(format!("{before}?{}", kept.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, Error> {
        Address::parse(url, &MysqlOptions::default())
    }

    #[test]
    fn urls() {
        let address =
            parse("mariadb://ann:p%40ss%2Fw%3Frd@db.example:3307/my%20shop?charset=utf8mb4")
                .unwrap();
        assert_eq!(address.to_string(), "ann@db.example:3307/my shop");
        assert_eq!(address.password(), "p@ss/w?rd");
        assert!(!format!("{address:?}").contains("p@ss"));
        assert!(address.opts().ssl_opts().is_none());
        let address = parse("mysql://ann@h/shop?socket=%2Frun%2Fmysqld.sock").unwrap();
        assert_eq!(address.to_string(), "ann@/run/mysqld.sock/shop");
        let address = parse("mysql://ann@h/shop?ssl-mode=VERIFY_CA").unwrap();
        let ssl = address.opts().ssl_opts().unwrap();
        assert!(ssl.skip_domain_validation() && !ssl.accept_invalid_certs());
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        for url in [
            "postgres://u:s3cret@h/d",
            "mysql://u:s3cret@h",
            "mysql://u:s3cret@h/",
            "mysql://u:s3cret@h:x/d",
            "mysql://u:s3cret@h/d?nonsense=s3cret",
            "mysql://u:s3cret@h/d?ssl-mode=s3cret",
            "mysql://u:s3cret@h/d?require_ssl=s3cret",
        ] {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{error:?}"
            );
        }
    }
}
