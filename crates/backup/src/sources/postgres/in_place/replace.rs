use tokio_postgres::Client;

use super::super::session::{ident, refused};
use super::super::source::PostgresSource;
use super::definitions::Section;
use crate::{BackupId, Error, ErrorKind, Fingerprint, Vault};

/// Schemas by these names, those with something in them first.
const SCHEMAS: &str = "
SELECT n.nspname::text, EXISTS (SELECT FROM pg_depend d WHERE d.refobjid = n.oid
                                AND d.refclassid = 'pg_namespace'::regclass)
FROM pg_namespace n WHERE n.nspname = ANY ($1) ORDER BY 2 DESC, 1";

const SUBSCRIPTIONS: &str = "
SELECT s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database()";

/// The live database's contents replaced by those of a restored one.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InPlace {
    /// The database that [`Vault::restore`] made and compared.
    pub restored: String,
    /// The backup it comes from.
    pub backup: BackupId,
    /// Schemas of the live database that stay as they are, with all that is in them.
    pub keep: Vec<String>,
}

impl InPlace {
    /// The contents of `restored`, made from `backup`, in place of all that the live database has.
    #[must_use]
    pub fn new(restored: impl Into<String>, backup: BackupId) -> Self {
        Self {
            restored: restored.into(),
            backup,
            keep: Vec::new(),
        }
    }

    /// Whether this table, named as [`crate::WriteCounters`] names it, is replaced.
    #[must_use]
    pub fn replaces(&self, table: &str) -> bool {
        !self.keep.iter().any(|schema| {
            let quoted = ident(schema);
            [schema.as_str(), &quoted].iter().any(|schema| {
                table
                    .strip_prefix(schema)
                    .is_some_and(|rest| rest.starts_with('.'))
            })
        })
    }
}

/// What the live database holds now.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Tables that came from the backup.
    pub tables: usize,
    /// Rows in them.
    pub rows: u64,
}

impl PostgresSource {
    /// Looks for what would keep [`PostgresSource::replace_in_place`] from being done, as far as
    /// that can be told without locking anything.
    ///
    /// # Errors
    /// `InvalidInput` when a schema to be kept is not there, or the restored database would be the
    /// live one; `Conflict` when the live database subscribes to another one; `Unreachable`,
    /// `PermissionDenied`, `Server`.
    pub async fn ready_to_replace(&self, wish: &InPlace) -> Result<(), Error> {
        let live = self.conninfo.database();
        let refuse =
            |kind, detail: String| Err(Error::new("replace the contents of", live, kind, detail));
        if wish.restored == live {
            let detail = "a backup is restored beside it first".to_owned();
            return refuse(ErrorKind::InvalidInput, detail);
        }
        self.reopen_if_cut_off().await?;
        let there = self.schemas(&wish.keep).await?;
        if let Some(missing) = wish
            .keep
            .iter()
            .find(|name| there.iter().all(|(known, _)| known != *name))
        {
            let detail = format!("there is no schema {missing} in it to be kept");
            return refuse(ErrorKind::InvalidInput, detail);
        }
        let client = self.session(live).await?;
        let failed = |source| refused("look for subscriptions of", live, source);
        if let Some(row) = client
            .query(SUBSCRIPTIONS, &[])
            .await
            .map_err(failed)?
            .first()
        {
            let name: &str = row.get(0);
            let detail =
                format!("it has the subscription {name}, which would write into what is put there");
            return refuse(ErrorKind::Conflict, detail);
        }
        Ok(())
    }

    /// Drops all that is in the live database except the schemas to be kept, and puts there what
    /// is in the restored one, in one transaction: whoever reads or writes meanwhile waits, and
    /// sees all of it afterwards, or nothing of it.
    ///
    /// Before it is committed, definitions, rows, sequences and large objects are compared with
    /// the restored database; any difference undoes everything, and so does an object in a kept
    /// schema that would go along with what it depends on. Large objects lie in no schema, so they
    /// are replaced. Nothing of the old contents is kept. With large objects it takes a `pg_dump` older
    /// than 17, which writes them where they are not looked for; a newer one makes it fail.
    ///
    /// # Errors
    /// Those of [`PostgresSource::ready_to_replace`]; `NotFound` and `Conflict` when there is no
    /// verified restore of this backup, or kept objects depend on others; `Locked` when somebody
    /// uses a table for too long; `Mismatch`; `AlreadyRunning`, `ToolFailed`, `Unreachable`,
    /// `PermissionDenied`, `Server`. Nothing has changed then, unless the connection was lost
    /// during the commit.
    ///
    /// # Cancel safety
    /// Dropping the future, or killing the process, undoes everything, unless the commit was on its
    /// way already.
    pub async fn replace_in_place(&self, wish: &InPlace) -> Result<Replaced, Error> {
        self.ready_to_replace(wish).await?;
        let (live, restored) = (self.conninfo.database(), wish.restored.as_str());
        let _held = self.hold_name(live).await?;
        let alone = self.alone_with(&[live, restored]).await?;
        match Self::known(&alone, restored).await? {
            Some(known) if known.serves(&Vault::verified_mark(&wish.backup)) => {}
            Some(_) => {
                let detail = format!("it is not a verified restore of backup {}", wish.backup);
                return Err(Error::new("read", restored, ErrorKind::Conflict, detail));
            }
            None => {
                let detail = "there is no such database";
                return Err(Error::new("read", restored, ErrorKind::NotFound, detail));
            }
        }
        let mut without = self.clone();
        without
            .options
            .ignored_schemas
            .extend(wish.keep.iter().cloned());
        let (from, into) = (self.session(restored).await?, self.session(live).await?);
        let reading = |source| refused("take a snapshot of", restored, source);
        from.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(reading)?;
        let failed = |source| refused("replace the contents of", live, source);
        into.batch_execute("SET client_min_messages = warning; BEGIN")
            .await
            .map_err(failed)?;
        // The session ends with this future, and the transaction with the session.
        let replaced = without.fill(&from, &into, wish).await?;
        into.batch_execute("COMMIT").await.map_err(failed)?;
        // It is done; without statistics it is only slower until the server makes them itself.
        if let Err(error) = into.batch_execute("ANALYZE").await {
            tracing::warn!(database = %live, %error, "could not analyze what was put there");
        }
        Ok(replaced)
    }

    async fn fill(&self, from: &Client, into: &Client, wish: &InPlace) -> Result<Replaced, Error> {
        let live = self.conninfo.database();
        let snapshot = self.export_snapshot(from).await?;
        let script = async |section| {
            self.script(&wish.restored, &wish.keep, &snapshot, section)
                .await
        };
        let (before, after) = (
            script(Section::BeforeRows).await?,
            script(Section::AfterRows).await?,
        );
        let tables = self.tables_of(from, &wish.keep).await?;
        let kept = self.kept_objects(into, &wish.keep).await?;
        self.clear(into, &wish.keep).await?;
        self.all_there(into, &wish.keep, &kept).await?;
        self.run_script(into, &before).await?;
        for table in &tables {
            table.copy(from, into).await?;
        }
        self.copy_sequences(from, into, &wish.keep).await?;
        self.copy_large_objects(from, into).await?;
        self.run_script(into, &after).await?;
        self.all_there(into, &wish.keep, &kept).await?;
        let (mut expected, mut found) = (
            self.definitions_in(from).await?,
            self.definitions_in(into).await?,
        );
        for table in &tables {
            expected
                .tables
                .insert(table.name().to_owned(), table.content(from).await?);
            found
                .tables
                .insert(table.name().to_owned(), table.content(into).await?);
        }
        let differences: Vec<String> = expected
            .diff(&found)
            .iter()
            .take(5)
            .map(ToString::to_string)
            .collect();
        if !differences.is_empty() {
            let detail = format!(
                "it would not hold what the backup holds: {}",
                differences.join("; ")
            );
            return Err(
                Error::new("replace the contents of", live, ErrorKind::Mismatch, detail)
                    .with_help("nothing was changed"),
            );
        }
        Ok(Replaced {
            tables: tables.len(),
            rows: found.rows(),
        })
    }

    async fn definitions_in(&self, client: &Client) -> Result<Fingerprint, Error> {
        let facts = self.facts(client).await?;
        let sequences = self.sequences(client).await?;
        self.read_definitions(client, facts.version_num, sequences)
            .await
    }

    /// Of these schemas those that the live database has something in.
    pub(in super::super) async fn filled(&self, names: &[String]) -> Result<Vec<String>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.schemas(names).await?;
        Ok(there
            .into_iter()
            .filter_map(|(name, filled)| filled.then_some(name))
            .collect())
    }

    async fn schemas(&self, names: &[String]) -> Result<Vec<(String, bool)>, Error> {
        let live = self.conninfo.database();
        let client = self.session(live).await?;
        let rows = client
            .query(SCHEMAS, &[&names])
            .await
            .map_err(|source| refused("read the schemas of", live, source))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_kept_schemas_are_not_replaced() {
        let mut wish = InPlace::new("copy", "20261120T110458Z-0a1b2c3d".parse().unwrap());
        wish.keep = vec!["audit".to_owned(), "My audit".to_owned()];
        assert!(!wish.replaces("audit.log"));
        assert!(!wish.replaces("\"My audit\".log"));
        assert!(wish.replaces("audits.log"));
        assert!(wish.replaces("public.audit"));
    }
}
