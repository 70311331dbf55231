//! Exported tables and columns back to where they came from.

use std::collections::BTreeMap;

use tokio::io::AsyncRead;
use tokio_postgres::Client;

use super::super::session::refused;
use super::super::source::PostgresSource;
use super::document::Described;
use super::drift::{Target, targets};
use super::live::LiveTable;
use super::reading::Reading;
use super::statements::{Statements, verdict};
use super::write::write;
use crate::{Error, ErrorKind};

/// How many conflicts are named.
const NAMED: usize = 10;

/// How to put an export back.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutBackOptions {
    /// What to do where the database holds something else by now.
    pub on_conflict: OnConflict,
    /// Whether anything is written.
    pub mode: PutBackMode,
    /// When constraints are checked.
    pub constraints: ConstraintChecks,
}

/// What to do where the database holds something else by now.
///
/// For a table that is a row of the same key and other values. For columns it is a row in which
/// one of them holds another value that somebody wrote: not null, not the column's constant
/// default, and not what rows got when the column was added. A default that gives each row another
/// value cannot be told from what somebody wrote.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Write nothing at all, and name the rows.
    #[default]
    Fail,
    /// Leave the row, all of it, as it is now.
    Keep,
    /// Give the row the exported values.
    Overwrite,
}

/// Whether anything is written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PutBackMode {
    /// Yes.
    #[default]
    Write,
    /// No: what would be done is counted. Nobody has to wait for it. Whether constraints and
    /// triggers would let it through is not found out.
    DryRun,
}

/// When constraints are checked that can be checked later.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConstraintChecks {
    /// When they say so.
    #[default]
    AsDeclared,
    /// Once everything is written.
    Deferred,
}

/// What became of an export.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutBack {
    /// By table.
    pub tables: BTreeMap<String, RowCounts>,
    /// The first rows that held something else, such as `public.orders (id) = (17)`.
    pub conflicts: Vec<String>,
    /// What somebody should know, such as that a trigger changed what was written.
    pub notes: Vec<String>,
}

impl PutBack {
    /// For people, a line for each table, conflict and note; by whether it was written.
    #[must_use]
    pub fn told(&self, mode: PutBackMode) -> String {
        let would = match mode {
            PutBackMode::DryRun => "would be ",
            PutBackMode::Write => "",
        };
        let tables = self.tables.iter().map(|(table, rows)| {
            format!(
                "{table}: {would}{} inserted, {} updated; {} unchanged, {} left as they are, {} gone\n",
                rows.inserted, rows.updated, rows.unchanged, rows.skipped, rows.missing
            )
        });
        let conflicts = self.conflicts.iter();
        let notes = self.notes.iter();
        tables
            .chain(conflicts.map(|row| format!("holds something else: {row}\n")))
            .chain(notes.map(|note| format!("note: {note}\n")))
            .collect()
    }
}

/// Rows of one table by what was done with them, or would be.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// They were not there.
    pub inserted: u64,
    /// They were there and hold the exported values now.
    pub updated: u64,
    /// They held the exported values already.
    pub unchanged: u64,
    /// They hold something else and were left alone.
    pub skipped: u64,
    /// Exported columns of rows that are not there any more.
    pub missing: u64,
}

impl PostgresSource {
    /// Puts an [`ExtractSource`](super::ExtractSource)'s archive back: rows that are not there are
    /// inserted, and exported columns are written into the rows that have their key. Called again
    /// it finds everything unchanged.
    ///
    /// It is one transaction over all tables. Other writers to them wait meanwhile, and it waits
    /// for their locks no longer than `lock_wait_timeout`. Triggers fire as for anybody, in an
    /// order in which referenced tables come first. Sequences that feed the tables are moved on to
    /// their furthest value. The rows take space in the server's temporary files meanwhile.
    ///
    /// # Errors
    /// `Mismatch` when the tables are not as they were: one is gone, a column was renamed or has
    /// another type. `Conflict` when rows hold something else and the options say to fail, or when
    /// a constraint refuses what would be written. `Corrupt`, `KeyMissing`, `Store` and
    /// `NewerSchema` for what is wrong with the archive. `Locked`, `PermissionDenied`,
    /// `Unreachable`, `Server`. Nothing is written then, except that sequences may have been moved
    /// on.
    ///
    /// # Cancel safety
    /// Dropping the future writes nothing, unless the server was about to commit.
    pub async fn put_back(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        options: &PutBackOptions,
    ) -> Result<PutBack, Error> {
        let database = self.conninfo.database();
        let mut reading = Reading::begin(archive).await?;
        let client = self.session(database).await?;
        let failed = |source| refused("put back into", database, source);
        let level = match options.mode {
            // What was locked shows what was committed before.
            PutBackMode::Write => "READ COMMITTED",
            PutBackMode::DryRun => "REPEATABLE READ",
        };
        client
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {level} READ WRITE"))
            .await
            .map_err(failed)?;
        lock(&client, reading.tables(), options.mode).await?;
        let targets = targets(&client, reading.tables()).await?;
        for (number, target) in targets.iter().enumerate() {
            let statements = Statements::new(number, target);
            client
                .batch_execute(&statements.stage())
                .await
                .map_err(|source| refused("make room for", &target.live.name, source))?;
            reading.load(&client, &statements.rows).await?;
        }
        // Only now it is known that the archive is whole.
        reading.end().await?;
        let mut done = PutBack::default();
        for (number, target) in targets.iter().enumerate() {
            judge(&client, number, target, *options, &mut done).await?;
        }
        match options.mode {
            PutBackMode::DryRun => client.batch_execute("ROLLBACK").await.map_err(failed)?,
            PutBackMode::Write => {
                if options.on_conflict == OnConflict::Fail
                    && let Err(error) = refuse_conflicts(&done)
                {
                    // So that nobody waits for the tables any more once this is known.
                    client.batch_execute("ROLLBACK").await.map_err(failed)?;
                    return Err(error);
                }
                write(&client, &targets, *options, &mut done).await?;
                client.batch_execute("COMMIT").await.map_err(failed)?;
            }
        }
        Ok(done)
    }
}

/// Keeps the tables as they are looked at. What does not fit is told later, all at once.
async fn lock(client: &Client, tables: &[Described], mode: PutBackMode) -> Result<(), Error> {
    let mut names = Vec::new();
    for table in tables {
        match LiveTable::find(client, &table.schema, &table.table).await {
            Ok(Some(live)) => names.push((table.quoted(), live.name)),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            Err(error) => return Err(error),
        }
    }
    // In one order, so that two runs never wait for each other.
    names.sort_unstable();
    let mode = match mode {
        PutBackMode::Write => "SHARE ROW EXCLUSIVE",
        PutBackMode::DryRun => "ACCESS SHARE",
    };
    for (quoted, name) in names {
        client
            .batch_execute(&format!("LOCK TABLE {quoted} IN {mode} MODE"))
            .await
            .map_err(|source| refused("lock", name, source))?;
    }
    Ok(())
}

/// Compares one table, and counts what there is to do.
async fn judge(
    client: &Client,
    number: usize,
    target: &Target,
    options: PutBackOptions,
    done: &mut PutBack,
) -> Result<(), Error> {
    let name = &target.live.name;
    let failed = |source| refused("compare the rows of", name, source);
    let statements = Statements::new(number, target);
    client
        .batch_execute(&statements.judge())
        .await
        .map_err(failed)?;
    let mut counts = RowCounts::default();
    let mut conflicts = 0;
    for row in client
        .query(&statements.count(), &[])
        .await
        .map_err(failed)?
    {
        let count = u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
        match row.get::<_, &str>(0) {
            verdict::INSERT => counts.inserted = count,
            verdict::FILL => counts.updated += count,
            verdict::SAME => counts.unchanged = count,
            verdict::MISSING => counts.missing = count,
            _ => conflicts = count,
        }
    }
    match options.on_conflict {
        OnConflict::Overwrite => counts.updated += conflicts,
        OnConflict::Keep | OnConflict::Fail => counts.skipped = conflicts,
    }
    let room = NAMED.saturating_sub(done.conflicts.len());
    if conflicts > 0 && room > 0 {
        let key = target.described.key.join(", ");
        let named = statements.name_conflicts(room);
        for row in client.query(&named, &[]).await.map_err(failed)? {
            let values: &str = row.get(0);
            done.conflicts.push(format!("{name} ({key}) = {values}"));
        }
    }
    done.tables.insert(name.clone(), counts);
    Ok(())
}

fn refuse_conflicts(done: &PutBack) -> Result<(), Error> {
    let conflicts: u64 = done.tables.values().map(|counts| counts.skipped).sum();
    if conflicts == 0 {
        return Ok(());
    }
    let mut detail = format!(
        "{conflicts} rows hold something else by now: {}",
        done.conflicts.join("; ")
    );
    let more = conflicts.saturating_sub(done.conflicts.len() as u64);
    if more > 0 {
        detail.push_str(&format!("; and {more} more"));
    }
    let error = Error::new("put back", "the export", ErrorKind::Conflict, detail);
    Err(error.with_help("say whether to keep or to overwrite them"))
}
