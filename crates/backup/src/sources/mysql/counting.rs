//! What is found out beside a dump, to hold against it.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use tokio::sync::oneshot;

use super::contents::Contents;
use super::dump::Work;
use super::facts::TableFacts;
use super::session::{ident, is_denied};
use super::source::MysqlSource;
use crate::{Cap, Error, ErrorKind, Level};

/// How many tables a reason names.
const NAMED: usize = 5;

/// What was found out beside the dump, in a snapshot of the same moment.
#[derive(Default)]
pub(super) struct Counted {
    rows: BTreeMap<String, u64>,
    /// Tables with values that the server does not write in full.
    inexact: Vec<String>,
}

impl MysqlSource {
    /// Makes all writers wait. `false` when the user may not.
    pub(super) async fn lock(&self, session: &mut Conn) -> Result<bool, Error> {
        let failed = |source| self.refused("take a snapshot of", self.address.database(), source);
        let wait = self.options.read_lock_timeout.as_secs().max(1);
        session
            .query_drop(format!("SET SESSION lock_wait_timeout = {wait}"))
            .await
            .map_err(failed)?;
        match session.query_drop("FLUSH TABLES WITH READ LOCK").await {
            Ok(()) => {}
            Err(error) if is_denied(&error) => return Ok(false),
            Err(error) => {
                let error = failed(error);
                if error.kind() == ErrorKind::Locked {
                    return Err(Error::new(
                        "take a snapshot of",
                        self.address.database(),
                        ErrorKind::Locked,
                        format!(
                            "something has been at work for more than {wait} s that FLUSH TABLES WITH READ LOCK has to wait for"
                        ),
                    )
                    .with_help("wait until the migration or the long query is over; SHOW PROCESSLIST names it"));
                }
                return Err(error);
            }
        }
        let wait = self.options.lock_wait_timeout.as_secs().max(1);
        session
            .query_drop(format!("SET SESSION lock_wait_timeout = {wait}"))
            .await
            .map_err(failed)?;
        session
            .query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .await
            .map_err(failed)?;
        session
            .query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            .await
            .map_err(failed)?;
        Ok(true)
    }

    /// Lets writers go on as soon as the tool has its snapshot too, and counts in ours.
    pub(super) async fn count_meanwhile(
        &self,
        session: &mut Conn,
        work: &Work<'_>,
        locked: bool,
        has_begun: oneshot::Receiver<()>,
    ) -> Result<Option<Counted>, Error> {
        if !locked {
            return Ok(None);
        }
        let failed = |source| self.refused("count the rows of", work.database, source);
        let begun = tokio::time::timeout(self.options.read_lock_limit, has_begun).await;
        session.query_drop("UNLOCK TABLES").await.map_err(failed)?;
        match begun {
            Ok(Ok(())) => {}
            // The dump has failed, and says so itself.
            Ok(Err(_)) => return Ok(None),
            Err(_) => {
                return Err(Error::new(
                    "take a snapshot of",
                    work.database,
                    ErrorKind::Locked,
                    format!(
                        "the dump had not begun after {} s, and writers cannot wait for longer",
                        self.options.read_lock_limit.as_secs_f64()
                    ),
                ));
            }
        }
        let mut counted = Counted::default();
        // Going back to here lets go of the table, so that a schema change that waits for it is
        // not waited for by the dump in turn.
        session
            .query_drop("SAVEPOINT ripcord")
            .await
            .map_err(failed)?;
        for table in work.tables.iter().filter(|table| table.transactional) {
            let at = format!("{}.{}", ident(work.database), ident(&table.name));
            let period = if table.versioned && work.history {
                " FOR SYSTEM_TIME ALL"
            } else {
                ""
            };
            let rows: Option<u64> = session
                .query_first(format!("SELECT COUNT(*) FROM {at}{period}"))
                .await
                .map_err(failed)?;
            counted
                .rows
                .insert(table.name.clone(), rows.unwrap_or_default());
            if self.is_inexact(session, &at, table).await {
                counted.inexact.push(table.name.clone());
            }
            session
                .query_drop("ROLLBACK TO SAVEPOINT ripcord")
                .await
                .map_err(failed)?;
        }
        session.query_drop("ROLLBACK").await.map_err(failed)?;
        Ok(Some(counted))
    }

    /// Whether a `float` has more digits than the server writes. What cannot be found out is not
    /// exact.
    async fn is_inexact(&self, session: &mut Conn, at: &str, table: &TableFacts) -> bool {
        for column in &table.floats {
            let sql = format!(
                "SELECT 1 FROM {at} WHERE {column} <> CAST(CAST({column} AS CHAR) AS FLOAT) LIMIT 1"
            );
            if !matches!(session.query_first::<u8, _>(sql).await, Ok(None)) {
                return true;
            }
        }
        false
    }

    pub(super) fn cap(
        &self,
        work: &Work<'_>,
        counted: Option<&Counted>,
        triggers_seen: bool,
    ) -> Option<Cap> {
        let restored = |reason: String| {
            Some(Cap {
                level: Level::Restored,
                reason,
            })
        };
        let Some(counted) = counted else {
            return restored(format!(
                "{} may not run FLUSH TABLES WITH READ LOCK (the right RELOAD), so nothing else was seen at the moment of the dump",
                self.address.user()
            ));
        };
        if !triggers_seen {
            return restored(format!(
                "{} may not see triggers (the right TRIGGER), and a dump leaves out what cannot be seen",
                self.address.user()
            ));
        }
        let outside = work.tables.iter().filter(|table| !table.transactional);
        let outside: Vec<String> = outside
            .map(|table| format!("{} ({})", table.name, table.engine))
            .collect();
        if !outside.is_empty() {
            return restored(format!("no snapshot covers {}", named(&outside)));
        }
        let versioned = work.tables.iter().filter(|table| table.versioned);
        let versioned: Vec<String> = versioned.map(|table| table.name.clone()).collect();
        if !work.history && !versioned.is_empty() {
            return restored(format!(
                "old versions of rows cannot be dumped by these tools, and {} has some",
                named(&versioned)
            ));
        }
        if !counted.inexact.is_empty() {
            return Some(Cap {
                level: Level::Counts,
                reason: format!(
                    "the server does not write values of type float in full, and {} has some",
                    named(&counted.inexact)
                ),
            });
        }
        None
    }

    pub(super) fn compare(&self, contents: &Contents, counted: &Counted) -> Result<(), Error> {
        let dumped = contents.counts();
        let names: BTreeSet<&String> = dumped.keys().chain(counted.rows.keys()).collect();
        for name in names {
            let (in_dump, in_snapshot) = (dumped.get(name), counted.rows.get(name));
            if in_snapshot.is_some() && in_dump != in_snapshot {
                let number = |rows: Option<&u64>| rows.map_or("no".to_owned(), u64::to_string);
                return Err(self.dump_failed(&format!(
                    "it has {} rows of {name}, and the snapshot has {}",
                    number(in_dump),
                    number(in_snapshot)
                )));
            }
        }
        Ok(())
    }
}

fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut text = names[..names.len() - more].join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
