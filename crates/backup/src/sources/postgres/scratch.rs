//! Databases that we make and drop, told from others by the comment they carry.

use tokio_postgres::Client;

use super::session::{ident, literal, refused};
use super::source::PostgresSource;
use crate::{Error, ErrorKind};

const PURPOSE: &str = "
SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1";

/// Comments of databases that may be dropped. The one that a switch replaced is not among them.
const DROPPABLE: &[&str] = &[
    "ripcord: scratch copy of ",
    "ripcord: unverified restore of ",
    "ripcord: verified restore of ",
];

/// Random names of this form are ours, even if a crash came before the comment.
const SCRATCH: &str = "ripcord_scratch_";

impl PostgresSource {
    /// `None` when there is no such database, `Some(None)` when it carries no comment.
    pub(super) async fn purpose_of(&self, database: &str) -> Result<Option<Option<String>>, Error> {
        let client = self.maintenance().await?;
        Self::purpose_by(&client, database).await
    }

    /// As [`Self::purpose_of`], in a session that is there already.
    pub(super) async fn purpose_by(
        client: &Client,
        database: &str,
    ) -> Result<Option<Option<String>>, Error> {
        let row = client
            .query_opt(PURPOSE, &[&database])
            .await
            .map_err(|source| refused("look for the database", database, source))?;
        Ok(row.map(|row| row.get(0)))
    }

    pub(super) async fn set_purpose(&self, database: &str, purpose: &str) -> Result<(), Error> {
        let client = self.maintenance().await?;
        self.expect_ours(&client, database).await?;
        client
            .batch_execute(&format!(
                "COMMENT ON DATABASE {} IS {}",
                ident(database),
                literal(purpose)
            ))
            .await
            .map_err(|source| refused("mark the database", database, source))
    }

    pub(super) async fn drop_made_by_us(&self, database: &str) -> Result<(), Error> {
        let client = self.maintenance().await?;
        match self.expect_ours(&client, database).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let failed = |source| refused("drop the database", database, source);
        let facts = self.facts(&client).await?;
        let force = if facts.major >= 13 {
            " WITH (FORCE)"
        } else {
            client
                .execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                    &[&database],
                )
                .await
                .map_err(failed)?;
            ""
        };
        client
            .batch_execute(&format!(
                "DROP DATABASE IF EXISTS {}{force}",
                ident(database)
            ))
            .await
            .map_err(failed)
    }

    async fn expect_ours(&self, client: &Client, database: &str) -> Result<(), Error> {
        let refused = |kind, detail| Err(Error::new("take", database, kind, detail));
        match Self::purpose_by(client, database).await? {
            None => refused(ErrorKind::NotFound, "there is no such database"),
            Some(Some(purpose))
                if DROPPABLE.iter().any(|known| purpose.starts_with(known))
                    && database != self.conninfo.database() =>
            {
                Ok(())
            }
            Some(None) if database.starts_with(SCRATCH) => Ok(()),
            Some(_) => refused(
                ErrorKind::Conflict,
                "it is not one that a restore made, so it is left alone",
            ),
        }
    }
}
