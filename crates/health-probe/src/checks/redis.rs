//! Redis: the replies compared, not only received. The only file that knows fred.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use fred::clients::Client;
use fred::error::{Error as FredError, ErrorKind as FredKind};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::{Config, Server, ServerConfig};
use fred::types::{Builder, ConnectHandle, Expiration};
use tokio::time::{Instant, timeout};

use crate::checks::TcpCheck;
use crate::{CheckResult, Error, ErrorKind, HealthCheck, Reason, Secret, tls};

/// PING must answer PONG, and a short-lived random key must come back as it was set.
#[derive(Clone)]
pub struct RedisCheck {
    name: String,
    config: Config,
    address: String,
    settings: RedisConfig,
}

/// Settings of a [`RedisCheck`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// For everything together. 5 s by default.
    pub timeout: Duration,
    /// Also write a key. On by default; off for replicas and read-only users.
    pub round_trip: RoundTrip,
    /// The random key begins with this. `ripcord:health:` by default.
    pub key_prefix: String,
}

/// Whether a check writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RoundTrip {
    /// SET, GET and DEL a random key that also expires by itself after 60 s.
    #[default]
    Write,
    /// PING only.
    Skip,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            round_trip: RoundTrip::Write,
            key_prefix: "ripcord:health:".to_owned(),
        }
    }
}

impl RedisCheck {
    /// `url`: `redis://user:password@host:port/database`, or `rediss://` for TLS.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] when the URL does not parse or is of another kind,
    /// [`ErrorKind::Tls`] when the TLS client cannot be set up.
    pub fn new(
        name: impl Into<String>,
        url: &Secret,
        settings: RedisConfig,
    ) -> Result<Self, Error> {
        let name = name.into();
        let bad = |operation: &str| {
            Error::new(
                format!("redis check `{name}`"),
                operation,
                ErrorKind::Address,
            )
        };
        let (rest, encrypted) = match url.reveal().split_once("://") {
            Some(("redis" | "valkey", rest)) => (rest, false),
            Some(("rediss" | "valkeys", rest)) => (rest, true),
            _ => return Err(bad("the URL is not redis:// or rediss://")),
        };
        // TLS is ours to set: the client would take whatever provider the process has.
        let mut config = Config::from_url_centralized(&format!("redis://{rest}"))
            .map_err(|_| bad("the URL does not parse"))?;
        let ServerConfig::Centralized { server } = &config.server else {
            return Err(bad("the URL does not name one server"));
        };
        let address = address_of(server);
        if encrypted {
            let connector = fred::types::config::TlsConnector::from(tls::client_config(b"")?);
            config.tls = Some(connector.into());
        }
        Ok(Self {
            name,
            config,
            address,
            settings,
        })
    }

    async fn ask(&self) -> Result<CheckResult, FredError> {
        let connection = Connection::open(&self.config, self.settings.timeout).await?;
        let client = &connection.client;
        let pong: String = client.ping(None).await?;
        if pong != "PONG" {
            let detail = "the reply to PING is not PONG";
            return Ok(CheckResult::fail(&self.name, Reason::BodyMismatch, detail));
        }
        if self.settings.round_trip == RoundTrip::Write {
            let key = format!("{}{:016x}", self.settings.key_prefix, random());
            let value = format!("{:016x}", random());
            let ttl = Some(Expiration::EX(60));
            client
                .set::<(), _, _>(&key, value.as_str(), ttl, None, false)
                .await?;
            let back: Option<String> = client.get(&key).await?;
            // It expires anyway, and a user that may not delete can still be healthy.
            let _ = client.del::<i64, _>(&key).await;
            if back.as_deref() != Some(value.as_str()) {
                let detail = "the key did not come back as it was set";
                return Ok(CheckResult::fail(&self.name, Reason::BodyMismatch, detail));
            }
        }
        Ok(CheckResult::pass(&self.name))
    }

    /// The client's I/O errors do not say much; whether somebody listens is quickly found out.
    async fn failed(&self, error: &FredError) -> CheckResult {
        let words = error.details();
        let starts = |code: &str| words.starts_with(code);
        let (reason, detail) = if *error.kind() == FredKind::Auth || starts("NOPERM") {
            (Reason::Auth, "the credentials are missing or refused")
        } else if starts("LOADING") || starts("MASTERDOWN") {
            (Reason::Starting, "the server is still loading its data")
        } else if starts("OOM") {
            (Reason::Resource, "the server is out of memory")
        } else if starts("READONLY") || starts("MISCONF") {
            (Reason::Resource, "the server does not accept writes")
        } else if *error.kind() == FredKind::Tls {
            (Reason::Tls, "the TLS handshake failed")
        } else {
            let limit = self.settings.timeout.min(Duration::from_secs(2));
            if let Ok(tcp) = TcpCheck::new(&self.name, &self.address, limit) {
                let reached = tcp.check().await;
                if reached.reason != Reason::Ok {
                    return reached;
                }
            }
            (Reason::Protocol, "no proper reply")
        };
        CheckResult::fail(&self.name, reason, detail)
    }
}

/// The address is no credential; user and password are.
impl fmt::Debug for RedisCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCheck")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HealthCheck for RedisCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let started = Instant::now();
        let result = match timeout(self.settings.timeout, self.ask()).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => self.failed(&error).await,
            Err(_) => {
                let detail = format!("no reply within {:?}", self.settings.timeout);
                CheckResult::fail(&self.name, Reason::Timeout, detail)
            }
        };
        let took = started.elapsed();
        result
            .with_observed("latency", took.as_secs_f64(), "s", None)
            .with_took(took)
    }
}

/// One connection, closed on drop: a cancelled check leaves none behind.
struct Connection {
    client: Client,
    task: ConnectHandle,
}

impl Connection {
    async fn open(config: &Config, limit: Duration) -> Result<Self, FredError> {
        let client = Builder::from_config(config.clone())
            .with_connection_config(|c| {
                c.connection_timeout = limit;
                c.internal_command_timeout = limit;
                c.max_command_attempts = 1;
            })
            .build()?;
        let task = client.connect();
        let connection = Self { client, task };
        connection.client.wait_for_connect().await?;
        Ok(connection)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn address_of(server: &Server) -> String {
    let host = server.host.to_string();
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{}", server.port)
    } else {
        format!("{host}:{}", server.port)
    }
}

/// Unique enough for a key that lives for milliseconds.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
