//! Our own connections.

use std::error::Error as StdError;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, join};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_postgres::config::{ChannelBinding as PgBinding, Config, SslMode as PgMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::conninfo::{ChannelBinding, Conninfo, Target};
use crate::host::Host;
use crate::session::Session;
use crate::tls::SslMode;
use crate::verify::client_config;
use crate::{Error, ErrorKind};

/// A client and the task that drives its connection.
type Opened = (Client, JoinHandle<()>);

impl Conninfo {
    /// Opens a connection; the task that drives it is spawned on the current tokio runtime and
    /// ends when the client is dropped.
    ///
    /// Hosts are tried in order, each within the connect timeout. As in libpq, a server that
    /// refuses the credentials ends the search; one that is down, starting, full, or of the wrong
    /// kind for `target_session_attrs` does not.
    ///
    /// # Errors
    /// The last host's: `Unreachable`, `Timeout`, `Tls`, `Authentication`, `DatabaseMissing`,
    /// `NotAccepting`, `WrongSession`, `Server`; `Unusable` for certificates that cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future drops the attempt.
    pub async fn connect(&self) -> Result<Client, Error> {
        self.open().await.map(|(client, _)| client)
    }

    /// As [`Conninfo::connect`], but dropping the session closes the socket at once.
    ///
    /// # Errors
    /// As [`Conninfo::connect`].
    pub async fn session(&self) -> Result<Session, Error> {
        let (client, task) = self.open().await?;
        Ok(Session::new(client, task))
    }

    async fn open(&self) -> Result<Opened, Error> {
        let tls = MakeRustlsConnect::new(client_config(&self.tls)?);
        let passes: &[Target] = match self.target {
            // First a standby if there is one, then anything.
            Target::PreferStandby => &[Target::Standby, Target::Any],
            Target::Any => &[Target::Any],
            Target::ReadWrite => &[Target::ReadWrite],
            Target::ReadOnly => &[Target::ReadOnly],
            Target::Primary => &[Target::Primary],
            Target::Standby => &[Target::Standby],
        };
        let mut last = None;
        for target in passes {
            for index in 0..self.hosts.len() {
                match self.connect_host(index, *target, &tls).await {
                    Ok(opened) => return Ok(opened),
                    Err(error) if ends_the_search(error.kind()) => return Err(error),
                    Err(error) => last = Some(error),
                }
            }
        }
        Err(last.unwrap_or_else(|| self.error(0, ErrorKind::Malformed, "it names no host")))
    }

    async fn connect_host(
        &self,
        index: usize,
        target: Target,
        tls: &MakeRustlsConnect,
    ) -> Result<Opened, Error> {
        let is_socket = self.proxy.is_some() || matches!(self.hosts[index], Host::Unix { .. });
        let modes: &[PgMode] = match self.tls.mode {
            _ if is_socket => &[PgMode::Disable],
            SslMode::Disable => &[PgMode::Disable],
            SslMode::Allow => &[PgMode::Disable, PgMode::Require],
            SslMode::Prefer => &[PgMode::Prefer, PgMode::Disable],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[PgMode::Require],
        };
        let mut first = None;
        for mode in modes {
            let attempt = self.attempt(index, *mode, target, tls);
            let result = match self.connect_timeout {
                None => attempt.await,
                Some(limit) => tokio::time::timeout(limit, attempt)
                    .await
                    .unwrap_or_else(|_| {
                        Err(self.error(
                            index,
                            ErrorKind::Timeout,
                            format!("no answer within {} s", seconds(limit)),
                        ))
                    }),
            };
            match result {
                Ok(opened) => return Ok(opened),
                // The other way of talking is worth a try only if somebody is there.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::WrongSession
                    ) =>
                {
                    return Err(error);
                }
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| self.error(index, ErrorKind::Malformed, "it names no host")))
    }

    async fn attempt(
        &self,
        index: usize,
        mode: PgMode,
        target: Target,
        tls: &MakeRustlsConnect,
    ) -> Result<Opened, Error> {
        let config = self.config(index, mode);
        let (client, task) = match &self.proxy {
            Some(command) => self.through(index, &config, command).await?,
            None => {
                let (client, connection) = config
                    .connect(tls.clone())
                    .await
                    .map_err(|source| self.refusal(index, source))?;
                let task = tokio::spawn(async move {
                    // What ends the connection is seen by the query that was running.
                    drop(connection.await);
                });
                (client, task)
            }
        };
        match self.suits(&client, target, index).await {
            Ok(()) => Ok((client, task)),
            Err(error) => {
                task.abort();
                Err(error)
            }
        }
    }

    /// A connection whose bytes a program carries.
    async fn through(
        &self,
        index: usize,
        config: &Config,
        command: &[String],
    ) -> Result<Opened, Error> {
        let unreachable = |detail: String| self.error(index, ErrorKind::Unreachable, detail);
        let program = command.first().map_or("", String::as_str);
        let mut child = Command::new(program)
            .args(command.get(1..).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| unreachable(format!("{program} cannot be started: {source}")))?;
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(unreachable(format!("{program} has no input or output")));
        };
        match config.connect_raw(join(stdout, stdin), NoTls).await {
            Ok((client, connection)) => {
                let task = tokio::spawn(async move {
                    drop(connection.await);
                    drop(child);
                });
                Ok((client, task))
            }
            // What the program says tells more than that the connection ended.
            Err(source) if source.as_db_error().is_none() => {
                let mut said = Vec::new();
                let limit = Duration::from_secs(2);
                // Without an answer in time there is nothing to add.
                drop(tokio::time::timeout(limit, stderr.read_to_end(&mut said)).await);
                let said = String::from_utf8_lossy(&said);
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                let detail = last.map_or_else(|| source.to_string(), |l| l.trim().to_owned());
                Err(unreachable(format!("{program}: {detail}")).with_source(source))
            }
            Err(source) => Err(self.refusal(index, source)),
        }
    }

    fn config(&self, index: usize, mode: PgMode) -> Config {
        let mut config = Config::new();
        match &self.hosts[index] {
            Host::Tcp {
                name,
                port,
                hostaddr,
            } => {
                config.host(name).port(*port);
                if let Some(addr) = hostaddr {
                    config.hostaddr(*addr);
                }
            }
            Host::Unix { dir, port } => {
                config.host_path(dir).port(*port);
            }
        }
        config
            .user(&self.user)
            .dbname(&self.database)
            .ssl_mode(mode)
            .keepalives(self.keepalive.on == 1)
            .channel_binding(match self.channel_binding {
                ChannelBinding::Disable => PgBinding::Disable,
                ChannelBinding::Prefer => PgBinding::Prefer,
                ChannelBinding::Require => PgBinding::Require,
            });
        if let Some(password) = &self.passwords[index] {
            config.password(password);
        }
        if let Some(name) = &self.application_name {
            config.application_name(name);
        }
        if !self.options.is_empty() {
            config.options(&self.options);
        }
        let keepalive = self.keepalive;
        if let Some(idle) = keepalive.idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = keepalive.interval {
            config.keepalives_interval(interval);
        }
        if let Some(count) = keepalive.count {
            config.keepalives_retries(count);
        }
        if let Some(timeout) = keepalive.user_timeout {
            config.tcp_user_timeout(timeout);
        }
        if let Some(limit) = self.connect_timeout {
            config.connect_timeout(limit);
        }
        config
    }

    /// Whether the session is of the wanted kind.
    async fn suits(&self, client: &Client, target: Target, index: usize) -> Result<(), Error> {
        if target == Target::Any {
            return Ok(());
        }
        let rows = client
            .simple_query(
                "SELECT pg_catalog.pg_is_in_recovery(), \
                 pg_catalog.current_setting('transaction_read_only')",
            )
            .await
            .map_err(|source| self.refusal(index, source))?;
        let row = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let standby = row.and_then(|row| row.get(0)) == Some("t");
        let read_only = standby || row.and_then(|row| row.get(1)) == Some("on");
        let (suits, wanted) = match target {
            Target::Any | Target::PreferStandby => (true, "any"),
            Target::ReadWrite => (!read_only, "read-write"),
            Target::ReadOnly => (read_only, "read-only"),
            Target::Primary => (!standby, "primary"),
            Target::Standby => (standby, "standby"),
        };
        if suits {
            return Ok(());
        }
        Err(self.error(
            index,
            ErrorKind::WrongSession,
            format!("the session is not {wanted}"),
        ))
    }

    fn refusal(&self, index: usize, source: tokio_postgres::Error) -> Error {
        let (kind, detail) = classify(&source);
        let error = self.error(index, kind, detail).with_source(source);
        match self.warnings.first() {
            Some(warning) if kind == ErrorKind::Authentication => error.with_help(warning.clone()),
            _ => error,
        }
    }

    fn error(&self, index: usize, kind: ErrorKind, detail: impl Into<String>) -> Error {
        let place = self
            .hosts
            .get(index)
            .map(ToString::to_string)
            .unwrap_or_default();
        let subject = format!("{}@{place}/{}", self.user, self.database);
        Error::new("connect to", subject, kind, detail)
    }
}

fn ends_the_search(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Authentication | ErrorKind::DatabaseMissing | ErrorKind::Server
    )
}

fn classify(error: &tokio_postgres::Error) -> (ErrorKind, String) {
    if let Some(db) = error.as_db_error() {
        let code = db.code();
        let kind = if *code == SqlState::INVALID_CATALOG_NAME {
            ErrorKind::DatabaseMissing
        } else if code.code().starts_with("28") {
            ErrorKind::Authentication
        } else if *code == SqlState::CANNOT_CONNECT_NOW || *code == SqlState::TOO_MANY_CONNECTIONS {
            ErrorKind::NotAccepting
        } else {
            ErrorKind::Server
        };
        return (kind, db.message().to_owned());
    }
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    let mut innermost = error.to_string();
    let mut tls = innermost.contains("TLS");
    let mut io = None;
    while let Some(cause) = next {
        tls |= cause.is::<rustls::Error>();
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            io = Some(error.kind());
            // rustls hides inside an I/O error, which is transparent to `source`.
            tls |= error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>());
        }
        innermost = cause.to_string();
        next = cause.source();
    }
    if tls {
        (ErrorKind::Tls, innermost)
    } else if innermost.contains("password missing") || innermost.contains("authentication") {
        (
            ErrorKind::Authentication,
            "the server asks for a password and none is known".to_owned(),
        )
    } else if io == Some(std::io::ErrorKind::TimedOut) {
        (ErrorKind::Timeout, innermost)
    } else {
        (ErrorKind::Unreachable, innermost)
    }
}

fn seconds(limit: Duration) -> u64 {
    limit.as_secs().max(1)
}
