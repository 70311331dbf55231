use std::path::PathBuf;
use std::time::Duration;

use ripcord_conninfo::Conninfo;
use ripcord_health_probe::Secret;

use super::ConfigError;
use super::read::Reader;
use super::section::Section;

/// One of `[[check]]`.
#[derive(Clone, Debug)]
pub struct CheckConfig {
    /// Its name, which gates refer to.
    pub name: String,
    /// Whether its failure decides or only warns.
    pub critical: bool,
    /// How long it may take.
    pub timeout: Duration,
    /// What it asks.
    pub kind: CheckKind,
}

impl CheckConfig {
    /// Whether its answer says which release runs.
    #[must_use]
    pub const fn tells_release(&self) -> bool {
        matches!(&self.kind, CheckKind::Http(http) if http.release.is_some())
    }
}

/// What a check asks.
#[derive(Clone, Debug)]
pub enum CheckKind {
    /// `kind = "http"`.
    Http(Box<HttpConfig>),
    /// `kind = "tcp"`.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// `kind = "postgres"`.
    Postgres(Box<PostgresConfig>),
    /// `kind = "redis"`.
    Redis {
        /// The URL with its password.
        url: Secret,
    },
    /// `kind = "disk"`.
    Disk {
        /// Where.
        path: PathBuf,
        /// Bytes that have to be free.
        min_free: u64,
    },
    /// `kind = "command"`.
    Command {
        /// Program and arguments; no shell.
        run: Vec<String>,
        /// Where; default the service's root.
        folder: Option<PathBuf>,
    },
}

/// `kind = "http"`.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// What to ask.
    pub url: Secret,
    /// The expected status.
    pub status: u16,
    /// RFC 9535 paths with their expected values.
    pub json: Vec<(String, serde_json::Value)>,
    /// Text the body has to hold.
    pub body: Option<String>,
    /// Latency ceiling.
    pub within: Option<Duration>,
    /// Request headers; values are secret.
    pub headers: Vec<(String, Secret)>,
    /// Where the answer says which release it is.
    pub release: Option<ReleaseFrom>,
}

/// Where an answer says which release it is.
#[derive(Clone, Debug)]
pub enum ReleaseFrom {
    /// A response header.
    Header(String),
    /// A JSON path.
    Json(String),
}

/// `kind = "postgres"`.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Where.
    pub conninfo: Conninfo,
    /// A query of one value, and the answer it has to have.
    pub query: Option<(String, String)>,
    /// Most connections in use.
    pub max_connections: Option<u32>,
    /// Fewest connections left.
    pub min_headroom: Option<u32>,
    /// Largest database, in bytes.
    pub max_size: Option<u64>,
    /// Longest open transaction.
    pub max_transaction: Option<Duration>,
    /// Most replication lag.
    pub max_lag: Option<Duration>,
}

impl Reader<'_> {
    pub(super) fn check(&mut self, section: &Section<'_>) -> Result<CheckConfig, ConfigError> {
        let name = section.need_text("name")?.to_owned();
        let critical = section.flag("critical")?.unwrap_or(true);
        let timeout = section
            .duration("timeout")?
            .unwrap_or(Duration::from_secs(10));
        let kinds = [
            ("http", 0),
            ("tcp", 1),
            ("postgres", 2),
            ("redis", 3),
            ("disk", 4),
            ("command", 5),
        ];
        let kind = section
            .choice("kind", &kinds)?
            .ok_or_else(|| section.missing("kind"))?;
        let kind = match kind {
            0 => self.http(section)?,
            1 => CheckKind::Tcp {
                address: section.need_text("address")?.to_owned(),
            },
            2 => self.postgres(section)?,
            3 => CheckKind::Redis {
                url: Secret::new(self.need_secret(section, ["url", "url_env", "url_file"])?),
            },
            4 => CheckKind::Disk {
                path: self.path(section.need_text("path")?),
                min_free: section.size("min_free")?.unwrap_or(10 << 30),
            },
            _ => CheckKind::Command {
                run: section
                    .texts("run")?
                    .filter(|argv| !argv.is_empty())
                    .ok_or_else(|| section.missing("run"))?,
                folder: section.text("folder")?.map(|p| self.path(p)),
            },
        };
        section.finish()?;
        Ok(CheckConfig {
            name,
            critical,
            timeout,
            kind,
        })
    }

    fn http(&mut self, section: &Section<'_>) -> Result<CheckKind, ConfigError> {
        let url = self.need_secret(section, ["url", "url_env", "url_file"])?;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(section.wrong(
                "url",
                "an HTTP check needs a URL that begins with http:// or https://",
            ));
        }
        let mut http = HttpConfig {
            url: Secret::new(url),
            status: 200,
            json: Vec::new(),
            body: None,
            within: None,
            headers: Vec::new(),
            release: None,
        };
        if let Some(expect) = section.table("expect")? {
            http.status = expect.number("status")?.unwrap_or(200);
            http.json = expect.json_map("json")?;
            http.body = expect.text("body")?.map(str::to_owned);
            http.within = expect.duration("within")?;
            expect.finish()?;
        }
        if let Some(release) = section.table("release")? {
            http.release = match (release.text("header")?, release.text("json")?) {
                (Some(header), None) => Some(ReleaseFrom::Header(header.to_owned())),
                (None, Some(path)) => Some(ReleaseFrom::Json(path.to_owned())),
                _ => {
                    return Err(
                        section.wrong("release", "`release` needs either `header` or `json`")
                    );
                }
            };
            release.finish()?;
        }
        for header in section.tables("headers")? {
            let name = header.need_text("name")?.to_owned();
            let value = self.need_secret(&header, ["value", "value_env", "value_file"])?;
            header.finish()?;
            http.headers.push((name, Secret::new(value)));
        }
        Ok(CheckKind::Http(Box::new(http)))
    }

    fn postgres(&mut self, section: &Section<'_>) -> Result<CheckKind, ConfigError> {
        let conninfo = self.conninfo(section)?;
        let query = match (section.text("query")?, section.text("answer")?) {
            (Some(query), Some(answer)) => Some((query.to_owned(), answer.to_owned())),
            (None, None) => None,
            _ => return Err(section.wrong("query", "`query` and `answer` belong together")),
        };
        Ok(CheckKind::Postgres(Box::new(PostgresConfig {
            conninfo,
            query,
            max_connections: section.number("max_connections")?,
            min_headroom: section.number("min_headroom")?,
            max_size: section.size("max_size")?,
            max_transaction: section.duration("max_transaction")?,
            max_lag: section.duration("max_lag")?,
        })))
    }
}
