//! What the server says about itself.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, ErrorKind, TableWrites, WriteCounters};

#[derive(Debug)]
pub(super) struct Facts {
    pub(super) version: String,
    pub(super) version_num: i32,
    pub(super) major: u32,
    pub(super) database_oid: u32,
}

#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) lsn: Option<String>,
}

const FACTS: &str = "
SELECT current_setting('server_version'), current_setting('server_version_num')::int4, oid
FROM pg_database WHERE datname = current_database()";

const MOMENT: &str = "
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text
            ELSE pg_current_wal_lsn()::text END";

const COUNTERS: &str = "
SELECT format('%I.%I', schemaname, relname), n_tup_ins, n_tup_upd, n_tup_del
FROM pg_stat_user_tables
WHERE schemaname <> ALL ($1)";

const RESET: &str =
    "SELECT stats_reset::text FROM pg_stat_database WHERE datname = current_database()";

impl PostgresSource {
    pub(super) async fn facts(&self, client: &Client) -> Result<Facts, Error> {
        let row = client
            .query_one(FACTS, &[])
            .await
            .map_err(|source| refused("ask the version of", self.conninfo.database(), source))?;
        let version_num: i32 = row.get(1);
        let major = u32::try_from(version_num / 10_000).unwrap_or(0);
        if major < 12 {
            return Err(Error::new(
                "read",
                self.conninfo.database(),
                ErrorKind::InvalidInput,
                format!("PostgreSQL {major} is too old; 12 is the oldest that is supported"),
            ));
        }
        let version: String = row.get(0);
        Ok(Facts {
            // "15.18 (Debian 15.18-0+deb12u1)"
            version: version.split(' ').next().unwrap_or_default().to_owned(),
            version_num,
            major,
            database_oid: row.get(2),
        })
    }

    /// How large the database is on the server's disk, in bytes.
    pub(super) async fn database_size(&self, client: &Client) -> Result<u64, Error> {
        let row = client
            .query_one("SELECT pg_database_size(current_database())", &[])
            .await
            .map_err(|source| refused("measure", self.conninfo.database(), source))?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    pub(super) async fn moment(&self, client: &Client) -> Result<Moment, Error> {
        let row = client
            .query_one(MOMENT, &[])
            .await
            .map_err(|source| refused("ask the time of", self.conninfo.database(), source))?;
        let at = Timestamp::from_millisecond(row.get(0)).unwrap_or_default();
        Ok(Moment {
            at,
            lsn: row.get(1),
        })
    }

    pub(super) async fn write_counters(&self) -> Result<WriteCounters, Error> {
        let client = self.session(self.conninfo.database()).await?;
        self.counters(&client).await
    }

    pub(super) async fn counters(&self, client: &Client) -> Result<WriteCounters, Error> {
        let failed = |source| refused("count the writes in", self.conninfo.database(), source);
        let since = client.query_one(RESET, &[]).await.map_err(failed)?.get(0);
        let rows = client
            .query(COUNTERS, &[&self.options.ignored_schemas])
            .await
            .map_err(failed)?;
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        let tables = rows
            .iter()
            .map(|row| {
                let writes = TableWrites {
                    inserted: count(row.get(1)),
                    updated: count(row.get(2)),
                    deleted: count(row.get(3)),
                };
                (row.get(0), writes)
            })
            .collect();
        Ok(WriteCounters { since, tables })
    }
}
