//! A session that can do nothing but read, and that gives up in time.

use std::time::{Duration, Instant};

use ripcord_conninfo::Conninfo;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::live::LiveOptions;
use crate::postgres::session::{failed, refused};
use crate::{Error, ErrorKind};

/// What a query may be given.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    ends: Instant,
    limits: LiveOptions,
    /// As `server_version_num`.
    pub(super) version: i32,
}

/// Why a query has no answer.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The five letters, if the server itself refused.
    pub(super) code: Option<String>,
    /// A fragment that fits after "because", without anything from a row.
    pub(super) why: String,
}

impl Refusal {
    /// Whether a lock was not to be had in time.
    pub(super) fn is_locked(&self) -> bool {
        self.code.as_deref() == Some("55P03")
    }

    /// Whether a value did not fit: SQLSTATE class 22 or 23.
    pub(super) fn is_about_data(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        code.starts_with("22") || code.starts_with("23")
    }
}

impl Reader {
    /// Opens the session and makes it read-only.
    ///
    /// # Errors
    /// `Connection` or `Refused`; `Database` if it refuses to be read-only.
    pub(super) async fn open(conninfo: &Conninfo, limits: &LiveOptions) -> Result<Self, Error> {
        let ends = Instant::now() + limits.deadline;
        let conninfo = conninfo.with_application_name(&limits.application_name);
        let late = || {
            Error::new(
                ErrorKind::Connection,
                "open a session on",
                conninfo.to_string(),
            )
            .because(format!("no answer within {:?}", limits.deadline))
        };
        let opened = tokio::time::timeout(limits.deadline, async {
            let client = conninfo
                .connect()
                .await
                .map_err(|error| refused(&conninfo, error))?;
            // With row security on, a count would leave rows out without a word.
            let settings = format!(
                "SET default_transaction_read_only = on; SET lock_timeout = {}; \
                 SET statement_timeout = {}; SET row_security = off; \
                 SET idle_in_transaction_session_timeout = {}; SET client_min_messages = warning; \
                 SET max_parallel_workers_per_gather = 0",
                limits.lock_timeout.as_millis().max(1),
                limits.query_timeout.as_millis().max(1),
                limits.deadline.as_millis().max(1),
            );
            let prepare = |e| failed("prepare the session of", conninfo.to_string(), &e);
            client.batch_execute(&settings).await.map_err(prepare)?;
            let row = client
                .query_one(
                    "SELECT pg_catalog.current_setting('server_version_num')::int",
                    &[],
                )
                .await
                .map_err(prepare)?;
            Ok((client, row.get(0)))
        })
        .await;
        let (client, version) = opened.map_err(|_| late())??;
        Ok(Self {
            client,
            ends,
            limits: limits.clone(),
            version,
        })
    }

    /// What is left until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// The rows of a query of our own about the catalogue.
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Refusal> {
        self.within(self.client.query(sql, params)).await
    }

    /// The one row of a query over a table's rows, in a transaction of its own that cannot write.
    pub(super) async fn look(&self, sql: &str) -> Result<Row, Refusal> {
        let begin = "START TRANSACTION READ ONLY";
        self.within(self.client.batch_execute(begin)).await?;
        let found = self.within(self.client.query_one(sql, &[])).await;
        // The deadline is no reason to leave the lock to the server's own timeout.
        let ended = tokio::time::timeout(Duration::from_millis(500), async {
            self.client.batch_execute("ROLLBACK").await
        });
        let ended = ended.await;
        match (&found, ended) {
            (Ok(_), Ok(Err(error))) => Err(refusal(&error, &self.limits)),
            _ => found,
        }
    }

    async fn within<T>(
        &self,
        query: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Refusal> {
        // The server ends the statement itself; this is for one that does not answer any more.
        let limit = self
            .left()
            .min(self.limits.query_timeout + Duration::from_millis(500));
        if self.left().is_zero() {
            return Err(self.late());
        }
        match tokio::time::timeout(limit, query).await {
            Ok(done) => done.map_err(|error| refusal(&error, &self.limits)),
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> Refusal {
        Refusal {
            code: None,
            why: format!("the {:?} for all of it are over", self.limits.deadline),
        }
    }
}

/// What the server said, as far as that cannot quote a row: its messages about data do.
fn refusal(error: &tokio_postgres::Error, limits: &LiveOptions) -> Refusal {
    let Some(db) = error.as_db_error() else {
        return Refusal {
            code: None,
            why: format!("the connection broke: {error}"),
        };
    };
    let code = db.code().code();
    let why = match (code, code.get(..2)) {
        ("55P03", _) => format!("it is locked: no lock within {:?}", limits.lock_timeout),
        ("57014", _) => format!("it takes longer than {:?}", limits.query_timeout),
        (_, Some("42" | "55" | "57" | "53" | "25" | "0A")) => db.message().to_owned(),
        _ => format!("the server refused it with {code}"),
    };
    Refusal {
        code: Some(code.to_owned()),
        why,
    }
}
