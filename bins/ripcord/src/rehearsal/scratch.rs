use std::time::Duration;

use anyhow::{Context as _, Result};
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{BackupId, Progress, Restored, Source as _, Vault};
use ripcord_conninfo::{Conninfo, Nothing};

use super::place::{ServerFacts, grant_in, random};

/// What the backup names of other servers leads nowhere: neither is a foreign table read or written, nor does dropping a
/// subscription drop its slot where it comes from.
const SEVER: &str = "
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT fdwname FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwhandler <> 0 LOOP
        EXECUTE format('ALTER FOREIGN DATA WRAPPER %I NO HANDLER', name);
    END LOOP;
    FOR name IN SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid =
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    LOOP
        EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', name);
        EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', name);
    END LOOP;
END $$";

/// A database with the backup in it, and the role that everything but ourselves works as.
#[derive(Debug)]
pub struct Scratch {
    /// As the server's administrator, to the database.
    pub admin: Conninfo,
    /// As the random role, to the database.
    pub child: Conninfo,
    /// The database's random name.
    pub database: String,
    /// The role's random name.
    pub role: String,
    /// The rehearsal's, which its children carry.
    pub id: String,
    /// For children that read a URL. It holds the role's password, which opens nothing else and ends with it.
    pub url: String,
    source: PostgresSource,
}

impl Scratch {
    /// Restores a backup into a new database of the server that `admin` leads to, compares its content, and lets a
    /// random role in through the [`Door`](super::Door) with this port. Returns how long the restore itself took as well.
    ///
    /// # Errors
    /// As [`Vault::restore`]; when the role cannot be made.
    pub async fn restore(
        admin: &Conninfo,
        facts: &ServerFacts,
        vault: &Vault,
        backup: &BackupId,
        ignored_schemas: &[String],
        (id, door): (&str, u16),
        progress: &dyn Progress,
    ) -> Result<(Self, Restored, Duration)> {
        let mut options = PostgresOptions::default();
        options.application_name = "ripcord-rehearsal".to_owned();
        options.ignored_schemas = ignored_schemas.to_vec();
        let source = PostgresSource::new(admin.clone(), options);
        let database = format!("rehearsal_{}", random(10));
        let role = format!("rehearsal_{}", random(10));
        let password = random(24);
        let restored = vault
            .restore(&source, backup, &database, progress)
            .await
            .map_err(told)
            .with_context(|| format!("cannot restore backup {backup} for the rehearsal"))?;
        let took = restored
            .report
            .as_ref()
            .map(|report| report.took)
            .unwrap_or_default();
        let inside = admin.with_database(&database);
        let sever = async {
            inside
                .session()
                .await?
                .batch_execute(SEVER)
                .await
                .map_err(anyhow::Error::from)
        };
        sever
            .await
            .context("cannot cut the scratch database off from other servers")?;
        let client = admin
            .session()
            .await
            .context("cannot reach the scratch server")?;
        grant_in(&client, facts, &database, &role, &password).await?;
        let url =
            format!("postgres://{role}:{password}@127.0.0.1:{door}/{database}?sslmode=disable");
        let child = Conninfo::parse(&url, &Nothing).context("cannot name the scratch database")?;
        let scratch = Self {
            admin: inside,
            child,
            database,
            role,
            id: id.to_owned(),
            url,
            source,
        };
        Ok((scratch, restored, took))
    }

    /// The server's databases, as something that can be compared.
    #[must_use]
    pub const fn source(&self) -> &PostgresSource {
        &self.source
    }

    /// Drops the database and the role. On a server of our own that is not needed.
    ///
    /// # Errors
    /// When they cannot be dropped; both carry a mark by which a later run finds them.
    pub async fn remove(&self) -> Result<()> {
        self.source.discard(&self.database).await.map_err(told)?;
        let client = self.admin.with_database("postgres").session().await?;
        client
            .batch_execute(&format!("DROP ROLE IF EXISTS {}", self.role))
            .await
            .context("cannot drop the rehearsal's role")
    }
}

/// An error of backup with its causes and its help on one line.
pub(super) fn told(error: ripcord_backup::Error) -> anyhow::Error {
    match error.help() {
        Some(help) => anyhow::anyhow!("{}; {help}", crate::report::chain(&error)),
        None => anyhow::anyhow!("{}", crate::report::chain(&error)),
    }
}
