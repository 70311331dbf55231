//! Databases that we make and drop, told from others by the comment they carry.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use twox_hash::XxHash3_128;

use super::session::{ident, literal, refused};
use super::source::PostgresSource;
use crate::{Destination, Error, ErrorKind, Found};

/// A `datconnlimit` of -2 is how a server says that a `DROP DATABASE` was cut off halfway.
const CATALOGUE: &str = "
SELECT oid, shobj_description(oid, 'pg_database'), datconnlimit = -2
FROM pg_database WHERE datname = $1";

/// How [`crate::Vault::verified_mark`] begins.
pub(super) const VERIFIED: &str = "ripcord: verified restore of ";

/// Comments of databases that may be dropped. The one that a switch replaced is not among them.
const DROPPABLE: &[&str] = &[
    "ripcord: scratch copy of ",
    "ripcord: unverified restore of ",
    VERIFIED,
];

/// Random names of this form are ours, even if a crash came before the comment.
const SCRATCH: &str = "ripcord_scratch_";

/// Where a database of this name is made before it carries its mark.
pub(super) fn birthplace(name: &str) -> String {
    if name.starts_with(SCRATCH) {
        return name.to_owned();
    }
    let hash = XxHash3_128::oneshot(name.as_bytes());
    format!("{SCRATCH}to_be_{hash:032x}")
}

/// Sessions that keep the server waiting: their client does not take what it is sent.
const STUCK: &str = "
SELECT format('pid %s of %s (%s) in %s', pid, usename, coalesce(application_name, '-'), coalesce(datname, '-'))
FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND pid <> pg_backend_pid() ORDER BY pid LIMIT 5";

/// What the catalogue says about a database, which can be read although the database itself
/// refuses connections.
#[derive(Debug)]
pub(super) struct Known {
    oid: u32,
    purpose: Option<String>,
    damaged: bool,
}

impl Known {
    /// Whether it is whole and carries this mark.
    pub(super) fn serves(&self, purpose: &str) -> bool {
        !self.damaged && self.purpose.as_deref() == Some(purpose)
    }

    /// Whether its mark begins like this.
    pub(super) fn is_marked(&self, with: &str) -> bool {
        self.purpose
            .as_deref()
            .is_some_and(|purpose| purpose.starts_with(with))
    }

    fn is_droppable(&self) -> bool {
        DROPPABLE.iter().any(|known| self.is_marked(known))
    }
}

/// Whether a database can be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    Taken,
}

impl PostgresSource {
    pub(super) async fn known(client: &Client, database: &str) -> Result<Option<Known>, Error> {
        let row = client
            .query_opt(CATALOGUE, &[&database])
            .await
            .map_err(|source| refused("look for the database", database, source))?;
        Ok(row.map(|row| Known {
            oid: row.get(0),
            purpose: row.get(1),
            damaged: row.get(2),
        }))
    }

    pub(super) async fn find_database(&self, database: &str) -> Result<Option<Found>, Error> {
        let client = self.alone_with(&[database]).await?;
        let known = Self::known(&client, database).await?;
        Ok(known.map(|known| {
            let purpose = known.purpose.filter(|_| !known.damaged);
            Found::new(known.oid.into(), purpose)
        }))
    }

    pub(super) async fn set_purpose(&self, database: &str, purpose: &str) -> Result<(), Error> {
        let client = self.alone_with(&[database]).await?;
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
        let client = self.alone_with(&[database]).await?;
        match self.expect_ours(&client, database).await {
            Ok(()) => self.drop_forcibly(&client, database).await,
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Drops what an interrupted restore for the same purpose left, so that it is made anew.
    pub(super) async fn make_room(
        &self,
        client: &Client,
        into: &Destination,
    ) -> Result<Room, Error> {
        let name = &into.database;
        let Some(known) = Self::known(client, name).await? else {
            return Ok(Room::Free);
        };
        if *name == self.conninfo.database() {
            return Ok(Room::Taken);
        }
        let same = known.purpose.as_ref() == Some(&into.purpose);
        if same || (known.damaged && known.is_droppable()) {
            self.drop_forcibly(client, name).await?;
            return Ok(Room::Free);
        }
        Ok(Room::Taken)
    }

    /// A copy of a subscription keeps its database from being dropped. It never ran, and the slot
    /// whose name it has belongs to the live one, so it lets go of the name first.
    async fn drop_subscriptions(&self, client: &Client, database: &str) -> Result<(), Error> {
        let failed = |source| refused("drop the subscriptions of", database, source);
        let rows = client
            .query(
                "SELECT subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
                 WHERE d.datname = $1",
                &[&database],
            )
            .await
            .map_err(failed)?;
        if rows.is_empty() {
            return Ok(());
        }
        let inside = self.session(database).await?;
        for row in rows {
            let name = ident(row.get(0));
            for sql in [
                format!("ALTER SUBSCRIPTION {name} DISABLE"),
                format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"),
                format!("DROP SUBSCRIPTION {name}"),
            ] {
                inside.batch_execute(&sql).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    pub(super) async fn drop_forcibly(&self, client: &Client, database: &str) -> Result<(), Error> {
        let failed = |source| refused("drop the database", database, source);
        self.drop_subscriptions(client, database).await?;
        let facts = self.facts(client).await?;
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
        // What the server takes: 0 would be no limit at all.
        let limit = self
            .options
            .drop_timeout
            .as_millis()
            .clamp(1, i32::MAX as u128);
        let limited = format!("SET statement_timeout = {limit}");
        client.batch_execute(&limited).await.map_err(failed)?;
        let sql = format!("DROP DATABASE IF EXISTS {}{force}", ident(database));
        let dropped = client.batch_execute(&sql).await;
        // Lost with the session if that is what broke.
        drop(client.batch_execute("SET statement_timeout = 0").await);
        match dropped {
            Err(source) if source.code() == Some(&SqlState::QUERY_CANCELED) => {
                Err(self.not_dropped(client, database).await.with_source(source))
            }
            other => other.map_err(failed),
        }
    }

    /// The server may have removed a part of it by now, and marks it as damaged then.
    async fn not_dropped(&self, client: &Client, database: &str) -> Error {
        let stuck: Vec<String> = match client.query(STUCK, &[]).await {
            Ok(rows) => rows.iter().map(|row| row.get(0)).collect(),
            Err(_) => Vec::new(),
        };
        let seconds = self.options.drop_timeout.as_secs_f64();
        let mut detail = format!("the server has not done it within {seconds} s");
        if !stuck.is_empty() {
            let who = stuck.join(", ");
            detail.push_str(&format!("; it waits for clients that read nothing: {who}"));
        }
        Error::new("drop the database", database, ErrorKind::InUse, detail).with_help(format!(
            "end what it waits for (SELECT pg_terminate_backend(PID)); the next run drops it then, and so does: DROP DATABASE {}",
            ident(database)
        ))
    }

    async fn expect_ours(&self, client: &Client, database: &str) -> Result<(), Error> {
        let refused = |kind, detail| Err(Error::new("take", database, kind, detail));
        match Self::known(client, database).await? {
            None => refused(ErrorKind::NotFound, "there is no such database"),
            Some(known) if known.is_droppable() && database != self.conninfo.database() => Ok(()),
            Some(Known { purpose: None, .. }) if database.starts_with(SCRATCH) => Ok(()),
            Some(_) => refused(
                ErrorKind::Conflict,
                "it is not one that a restore made, so it is left alone",
            ),
        }
    }
}
