//! Databases that we make and drop, told from others by the comment they carry.

use tokio_postgres::Client;

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

/// As `CREATE DATABASE` leaves it, and by ourselves: nobody gave it grants, limits or settings.
const UNTOUCHED: &str = "
SELECT datallowconn AND NOT datistemplate AND datacl IS NULL AND datconnlimit = -1
       AND pg_get_userbyid(datdba) = current_user
       AND NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE oid = $1";

/// Asked inside of it. Whatever lies in a schema depends on the schema.
const EMPTY: &str = "
SELECT NOT EXISTS (SELECT FROM pg_namespace
                   WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'public'))
       AND NOT EXISTS (SELECT FROM pg_depend p JOIN pg_namespace n ON n.oid = p.refobjid
                       WHERE p.refclassid = 'pg_namespace'::regclass AND n.nspname = 'public')
       AND NOT EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
       AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)
       AND NOT EXISTS (SELECT FROM pg_publication)
       AND NOT EXISTS (SELECT FROM pg_event_trigger)
       AND NOT EXISTS (SELECT FROM pg_foreign_data_wrapper)";

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
        if self.is_barely_made(client, name, &known).await? {
            // Without force: whoever is in there keeps it.
            client
                .batch_execute(&format!("DROP DATABASE IF EXISTS {}", ident(name)))
                .await
                .map_err(|source| refused("drop the database", name, source))?;
            return Ok(Room::Free);
        }
        Ok(Room::Taken)
    }

    /// Whether it is what a `CREATE DATABASE` of ours leaves when the run is killed before the
    /// comment.
    async fn is_barely_made(
        &self,
        client: &Client,
        database: &str,
        known: &Known,
    ) -> Result<bool, Error> {
        if known.purpose.is_some() || known.damaged {
            return Ok(false);
        }
        let failed = |source| refused("look into the database", database, source);
        let row = client
            .query_opt(UNTOUCHED, &[&known.oid])
            .await
            .map_err(failed)?;
        if !row.is_some_and(|row| row.get(0)) {
            return Ok(false);
        }
        let inside = self.session(database).await?;
        let row = inside.query_one(EMPTY, &[]).await.map_err(failed)?;
        Ok(row.get(0))
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

    async fn drop_forcibly(&self, client: &Client, database: &str) -> Result<(), Error> {
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
