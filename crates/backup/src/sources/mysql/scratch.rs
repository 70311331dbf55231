//! Databases that we make and drop, told from others by the mark they carry.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use twox_hash::XxHash3_128;

use super::options::MarkPlace;
use super::session::{ident, literal};
use super::source::MysqlSource;
use crate::{Destination, Error, ErrorKind, Found};

/// Where a mark is kept if a database cannot have a comment. It is never part of a dump.
pub(super) const MARK_TABLE: &str = "ripcord_mark";

/// Marks of databases that may be dropped.
const DROPPABLE: &[&str] = &[
    "ripcord: scratch copy of ",
    "ripcord: unverified restore of ",
    "ripcord: verified restore of ",
];

/// Random names of this form are ours, even if a crash came before the mark.
const SCRATCH: &str = "ripcord_scratch_";

/// How long sessions that were ended may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// What is known about a database without looking at what is in it.
#[derive(Debug)]
struct Known {
    purpose: Option<String>,
    identity: u64,
    place: MarkPlace,
    /// Whether it holds nothing at all, the mark's table apart.
    empty: bool,
}

impl Known {
    fn is_droppable(&self) -> bool {
        let purpose = self.purpose.as_deref().unwrap_or_default();
        DROPPABLE.iter().any(|known| purpose.starts_with(known))
    }
}

impl MysqlSource {
    pub(super) async fn find_database(&self, database: &str) -> Result<Option<Found>, Error> {
        let mut session = self.alone_with(database).await?;
        let known = self.known(&mut session, database).await?;
        drop(session.disconnect().await);
        Ok(known.map(|known| Found::new(known.identity, known.purpose)))
    }

    pub(super) async fn set_purpose(&self, database: &str, purpose: &str) -> Result<(), Error> {
        let mut session = self.alone_with(database).await?;
        let known = self.expect_ours(&mut session, database).await?;
        let marked = self
            .write_mark(&mut session, database, purpose, known.identity, known.place)
            .await;
        drop(session.disconnect().await);
        marked
    }

    pub(super) async fn drop_made_by_us(&self, database: &str) -> Result<(), Error> {
        let mut session = self.alone_with(database).await?;
        let dropped = match self.expect_ours(&mut session, database).await {
            Ok(_) => self.drop_forcibly(&mut session, database).await,
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        drop(session.disconnect().await);
        dropped
    }

    /// Makes an empty database with its mark, after dropping what an interrupted restore for the
    /// same purpose left.
    pub(super) async fn create_database(&self, into: &Destination) -> Result<(), Error> {
        let name = &into.database;
        let failed = |kind, detail: &str| Error::new("create the database", name, kind, detail);
        if name.is_empty() || name.chars().count() > 64 || name.ends_with(' ') {
            return Err(failed(
                ErrorKind::InvalidInput,
                "a name has 1 to 64 characters, and no space at its end",
            ));
        }
        let mut session = self.alone_with(name).await?;
        if let Some(known) = self.known(&mut session, name).await? {
            let same = known.purpose.as_ref() == Some(&into.purpose);
            // As a run leaves it that is killed before it writes the mark into a table.
            let barely_made =
                known.purpose.is_none() && known.empty && known.place == MarkPlace::Table;
            if name == self.address.database() || !(same || barely_made) {
                return Err(failed(
                    ErrorKind::AlreadyExists,
                    "there is one of that name",
                ));
            }
            self.drop_forcibly(&mut session, name).await?;
        }
        let place = self.mark_place(&mut session).await?;
        let identity = rand::random::<u64>();
        let like = match self
            .defaults_of(&mut session, self.address.database())
            .await
        {
            Ok(defaults) => defaults.clause(),
            // An archive of ours says it itself.
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut sql = format!("CREATE DATABASE {} {like}", ident(name));
        if place == MarkPlace::Comment {
            // In one statement, so that there is never one without the other.
            let mark = comment(&into.purpose, identity);
            sql.push_str(&format!(" COMMENT {}", literal(&mark)));
        }
        session.query_drop(sql).await.map_err(|source| {
            let error = self.refused("create the database", name, source);
            if error.kind() == ErrorKind::PermissionDenied {
                let user = literal(self.address.user());
                return error.with_help(format!(
                    "as an administrator: GRANT ALL ON `ripcord\\_%`.* TO {user}, or on {}",
                    ident(name)
                ));
            }
            error
        })?;
        if place == MarkPlace::Table {
            self.write_mark(&mut session, name, &into.purpose, identity, place)
                .await?;
        }
        drop(session.disconnect().await);
        Ok(())
    }

    async fn mark_place(&self, session: &mut Conn) -> Result<MarkPlace, Error> {
        if self.options.mark_place == MarkPlace::Table {
            return Ok(MarkPlace::Table);
        }
        let has_comments: Option<u8> = session
            .query_first(
                "SELECT 1 FROM information_schema.COLUMNS
                 WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'SCHEMATA'
                   AND COLUMN_NAME = 'SCHEMA_COMMENT'",
            )
            .await
            .map_err(|source| self.refused("look at", self.address.to_string(), source))?;
        Ok(match has_comments {
            Some(_) => MarkPlace::Comment,
            None => MarkPlace::Table,
        })
    }

    async fn known(&self, session: &mut Conn, database: &str) -> Result<Option<Known>, Error> {
        let failed = |source| self.refused("look for the database", database, source);
        let place = self.mark_place(session).await?;
        let column = match place {
            MarkPlace::Comment => "SCHEMA_COMMENT",
            MarkPlace::Table => "''",
        };
        let row: Option<String> = session
            .exec_first(
                format!("SELECT {column} FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?"),
                (database,),
            )
            .await
            .map_err(failed)?;
        let Some(comment) = row else {
            return Ok(None);
        };
        let objects: Option<(u64, u64)> = session
            .exec_first(
                "SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME <> ?)
                      + (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?)
                      + (SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?),
                        (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?)",
                (database, MARK_TABLE, database, database, database, MARK_TABLE),
            )
            .await
            .map_err(failed)?;
        let (objects, mark_tables) = objects.unwrap_or_default();
        let mut known = Known {
            purpose: None,
            identity: (XxHash3_128::oneshot(comment.as_bytes()) & u128::from(u64::MAX)) as u64,
            place,
            empty: objects == 0,
        };
        if mark_tables > 0 {
            let sql = format!(
                "SELECT purpose, identity FROM {}.{MARK_TABLE}",
                ident(database)
            );
            let mark: Option<(String, u64)> = session.query_first(sql).await.map_err(failed)?;
            if let Some((purpose, identity)) = mark {
                known.place = MarkPlace::Table;
                known.identity = identity;
                known.purpose = Some(purpose);
            }
        } else if let Some((purpose, identity)) = parse(&comment) {
            known.identity = identity;
            known.purpose = Some(purpose.to_owned());
        } else if !comment.is_empty() {
            known.purpose = Some(comment);
        }
        Ok(Some(known))
    }

    async fn write_mark(
        &self,
        session: &mut Conn,
        database: &str,
        purpose: &str,
        identity: u64,
        place: MarkPlace,
    ) -> Result<(), Error> {
        let failed = |source| self.refused("mark the database", database, source);
        let database_name = ident(database);
        match place {
            MarkPlace::Comment => {
                let mark = literal(&comment(purpose, identity));
                let sql = format!("ALTER DATABASE {database_name} COMMENT {mark}");
                session.query_drop(sql).await.map_err(failed)
            }
            MarkPlace::Table => {
                let table = format!("{database_name}.{MARK_TABLE}");
                let purpose = literal(purpose);
                for sql in [
                    format!(
                        "CREATE TABLE IF NOT EXISTS {table} (one int PRIMARY KEY, purpose varchar(1000) CHARACTER SET utf8mb4 NOT NULL, identity bigint unsigned NOT NULL)"
                    ),
                    format!("REPLACE INTO {table} VALUES (1, {purpose}, {identity})"),
                ] {
                    session.query_drop(sql).await.map_err(failed)?;
                }
                Ok(())
            }
        }
    }

    async fn expect_ours(&self, session: &mut Conn, database: &str) -> Result<Known, Error> {
        let refused = |kind, detail| Err(Error::new("take", database, kind, detail));
        match self.known(session, database).await? {
            None => refused(ErrorKind::NotFound, "there is no such database"),
            Some(known) if database == self.address.database() => {
                let _ = known;
                refused(
                    ErrorKind::Conflict,
                    "it is the live one, so it is left alone",
                )
            }
            Some(known)
                if known.is_droppable()
                    || (known.purpose.is_none() && database.starts_with(SCRATCH)) =>
            {
                Ok(known)
            }
            Some(_) => refused(
                ErrorKind::Conflict,
                "it is not one that a restore made, so it is left alone",
            ),
        }
    }

    async fn drop_forcibly(&self, session: &mut Conn, database: &str) -> Result<(), Error> {
        self.end_sessions(session, database).await?;
        session
            .query_drop(format!("DROP DATABASE IF EXISTS {}", ident(database)))
            .await
            .map_err(|source| self.refused("drop the database", database, source))
    }

    /// Such as that of a client whose parent was killed, which goes on with what it has read.
    async fn end_sessions(&self, session: &mut Conn, database: &str) -> Result<(), Error> {
        let failed = |source| self.refused("end the sessions on", database, source);
        let ended = async {
            loop {
                let ids: Vec<u64> = session
                    .exec(
                        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> CONNECTION_ID()",
                        (database,),
                    )
                    .await
                    .map_err(failed)?;
                if ids.is_empty() {
                    return Ok(());
                }
                for id in ids {
                    // It may have ended by itself.
                    if let Err(error) = session.query_drop(format!("KILL {id}")).await {
                        tracing::debug!(%error, %id, "a session was not ended");
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(ENDING, ended)
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    "end the sessions on",
                    database,
                    ErrorKind::InUse,
                    "some did not end in time",
                ))
            })
    }
}

/// A mark as it stands in a comment.
fn comment(purpose: &str, identity: u64) -> String {
    format!("{purpose} [{identity:016x}]")
}

fn parse(comment: &str) -> Option<(&str, u64)> {
    let (purpose, identity) = comment.strip_suffix(']')?.rsplit_once(" [")?;
    let identity = (identity.len() == 16).then(|| u64::from_str_radix(identity, 16).ok())??;
    Some((purpose, identity))
}

#[cfg(test)]
mod tests {
    use super::{comment, parse};

    #[test]
    fn marks_in_comments() {
        let mark = comment("ripcord: scratch copy of [x]", 7);
        assert_eq!(parse(&mark), Some(("ripcord: scratch copy of [x]", 7)));
        assert_eq!(parse("the shop [of 2019]"), None);
        assert_eq!(parse(""), None);
    }
}
