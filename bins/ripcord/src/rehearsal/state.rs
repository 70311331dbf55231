use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ripcord_backup::{Difference, Fingerprint};
use tokio_postgres::Client;

use super::relations::{Relations, Touched};
use super::scratch::{Scratch, told};

/// How long a session that has written may take to end.
const SESSIONS_END_WITHIN: Duration = Duration::from_secs(30);
/// Sessions of this name are ours.
pub(super) const OWN: &str = "ripcord-rehearsal";

const OTHERS: &str = "
SELECT count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> $1
  AND backend_type = 'client backend'";

/// What the scratch database holds at one moment, without the migration tool's own tables.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) fingerprint: Fingerprint,
    pub(super) relations: Relations,
}

/// Looks at the scratch database, again and again, and reads only what was touched since.
#[derive(Debug)]
pub(super) struct Looker<'a> {
    scratch: &'a Scratch,
    pub(super) client: Client,
    /// Tables of the migration tool.
    own: &'a [String],
    /// Whether the server counts what a session wrote before it lets it go.
    counts: bool,
}

impl<'a> Looker<'a> {
    pub(super) async fn new(scratch: &'a Scratch, own: &'a [String], major: i32) -> Result<Self> {
        let client = scratch
            .admin
            .with_application_name(OWN)
            .connect()
            .await
            .context("cannot reach the scratch database")?;
        Ok(Self {
            scratch,
            client,
            own,
            counts: major >= 15,
        })
    }

    /// The state right after the restore, whose content is the backup's.
    pub(super) async fn first(&self, backup: &Fingerprint) -> Result<State> {
        let mut fingerprint = backup.clone();
        self.strip(&mut fingerprint);
        // The restored copy, and not the manifest, because grants of a database without its name may differ.
        let now = self.definitions().await?;
        fingerprint.schema = now.schema;
        fingerprint.column_order = now.column_order;
        fingerprint.sequences = now.sequences;
        Ok(State {
            fingerprint,
            relations: self.relations().await?,
        })
    }

    /// The state now, with the rows of what was touched since `before` read again.
    pub(super) async fn since(&self, before: &State) -> Result<(State, Touched)> {
        let relations = self.relations().await?;
        let mut touched = before.relations.until(&relations);
        if !self.counts {
            // What was written is not known for sure: everything is read.
            touched
                .tables
                .extend(relations.iter().map(|(_, r)| r.name.clone()));
        }
        let wanted = touched.tables.clone();
        let mut fingerprint = self
            .scratch
            .source()
            .fingerprint_of_tables(&self.scratch.database, &move |table: &str| {
                wanted.contains(table)
            })
            .await
            .map_err(told)?;
        for (table, content) in &before.fingerprint.tables {
            if !touched.tables.contains(table) {
                fingerprint.tables.insert(table.clone(), content.clone());
            }
        }
        self.strip(&mut fingerprint);
        Ok((
            State {
                fingerprint,
                relations,
            },
            touched,
        ))
    }

    async fn definitions(&self) -> Result<Fingerprint> {
        let mut now = self
            .scratch
            .source()
            .fingerprint_of_tables(&self.scratch.database, &|_| false)
            .await
            .map_err(told)?;
        self.strip(&mut now);
        Ok(now)
    }

    async fn relations(&self) -> Result<Relations> {
        let deadline = tokio::time::Instant::now() + SESSIONS_END_WITHIN;
        loop {
            let others: i64 = self.client.query_one(OTHERS, &[&OWN]).await?.get(0);
            if others == 0 {
                break;
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{others} sessions on the scratch database do not end");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if self.counts {
            // What we wrote ourselves is counted when our own session gets round to it.
            self.client
                .batch_execute("SELECT pg_stat_force_next_flush()")
                .await?;
        }
        Relations::read(&self.client).await
    }

    /// Whether an object is the migration tool's own.
    pub(super) fn hides(&self, object: &str) -> bool {
        self.own
            .iter()
            .any(|own| crate::compose::belongs_to(object, own))
    }

    fn strip(&self, fingerprint: &mut Fingerprint) {
        fingerprint.schema.retain(|object, _| !self.hides(object));
        fingerprint.tables.retain(|table, _| !self.hides(table));
        fingerprint.sequences.retain(|name, _| !self.hides(name));
        fingerprint
            .column_order
            .retain(|table, _| !self.hides(table));
    }
}

/// What differs, on one line, the first few.
pub(super) fn listed(differences: &[Difference]) -> String {
    const SHOWN: usize = 4;
    let mut lines: Vec<String> = differences
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    if differences.len() > SHOWN {
        lines.push(format!("and {} more", differences.len() - SHOWN));
    }
    lines.join("; ")
}
