//! One restore at a time into a database of one name.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Client;

use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, ErrorKind, Hold};

/// How long a run that was just killed may take until the server has noticed.
const GRACE: Duration = Duration::from_secs(3);

/// How often is tried again meanwhile.
const POLL: Duration = Duration::from_millis(50);

/// One key for each name of a database, another than for single steps.
const TRY: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 7268207161))";

/// Who has the key: the halves of a long key are shown as two numbers.
const HOLDER: &str = "
SELECT l.pid, coalesce(a.application_name, '-'),
       coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', '-')
FROM (SELECT hashtextextended($1, 7268207161) AS whole) AS key
JOIN pg_locks l ON l.classid = ((key.whole >> 32) & 4294967295)::oid
               AND l.objid = (key.whole & 4294967295)::oid
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

impl PostgresSource {
    /// Has the name for itself until what is returned is dropped. The server lets go of it by
    /// itself when the session ends, however it ends.
    pub(super) async fn hold_name(&self, database: &str) -> Result<Hold, Error> {
        let client = self.maintenance().await?;
        let failed = |source| refused("wait for another restore into", database, source);
        let given_up = Instant::now() + GRACE;
        loop {
            let row = client.query_one(TRY, &[&database]).await.map_err(failed)?;
            if row.get(0) {
                return Ok(Hold::until_dropped(client));
            }
            if Instant::now() >= given_up {
                return Err(Self::held(&client, database).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn held(client: &Client, database: &str) -> Error {
        let detail = match client.query_opt(HOLDER, &[&database]).await {
            Ok(Some(row)) => {
                let (pid, application, since): (i32, String, String) =
                    (row.get(0), row.get(1), row.get(2));
                format!(
                    "another restore into it is running (pid {pid}, {application}, since {since})"
                )
            }
            // It has ended since, or the server does not tell.
            _ => "another restore into it is running".to_owned(),
        };
        Error::new("restore into", database, ErrorKind::AlreadyRunning, detail)
            .with_help("wait for it, or restore into another name")
    }
}
