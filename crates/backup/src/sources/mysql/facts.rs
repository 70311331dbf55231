//! What the server says about itself and about a database.

use jiff::Timestamp;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

use super::session::is_denied;
use super::source::MysqlSource;
use super::tools::Flavour;
use crate::{Error, ErrorKind};

/// Base tables, and MariaDB's versioned ones. Views and sequences have no rows of their own.
const TABLES: &str = "
SELECT t.TABLE_NAME, COALESCE(t.ENGINE, ''), t.TABLE_TYPE = 'SYSTEM VERSIONED',
       COALESCE(e.TRANSACTIONS = 'YES', 0),
       (SELECT GROUP_CONCAT(CONCAT('`', REPLACE(c.COLUMN_NAME, '`', '``'), '`') SEPARATOR ',')
        FROM information_schema.COLUMNS c
        WHERE c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
          AND c.DATA_TYPE = 'float')
FROM information_schema.TABLES t
LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
WHERE t.TABLE_SCHEMA = ? AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY 1";

#[derive(Clone, Debug)]
pub(super) struct TableFacts {
    pub(super) name: String,
    pub(super) engine: String,
    pub(super) versioned: bool,
    pub(super) transactional: bool,
    /// Columns of type `float`, quoted.
    pub(super) floats: Vec<String>,
}

/// The default character set and collation of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) charset: String,
    pub(super) collation: String,
}

impl Defaults {
    pub(super) fn clause(&self) -> String {
        format!("CHARACTER SET {} COLLATE {}", self.charset, self.collation)
    }
}

impl MysqlSource {
    pub(super) async fn version(&self, session: &mut Conn) -> Result<String, Error> {
        let version = session.query_first("SELECT VERSION()").await;
        version
            .map_err(|source| {
                self.refused("ask for the version of", self.address.to_string(), source)
            })
            .map(Option::unwrap_or_default)
    }

    /// `NotFound` when there is no such database, or none that the user may see.
    pub(super) async fn defaults_of(
        &self,
        session: &mut Conn,
        database: &str,
    ) -> Result<Defaults, Error> {
        let row: Option<(String, String)> = session
            .exec_first(
                "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME
                 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?",
                (database,),
            )
            .await
            .map_err(|source| self.refused("look for the database", database, source))?;
        match row {
            Some((charset, collation)) => Ok(Defaults { charset, collation }),
            None => Err(Error::new(
                "look for the database",
                database,
                ErrorKind::NotFound,
                format!("there is none that {} may see", self.address.user()),
            )),
        }
    }

    pub(super) async fn tables(
        &self,
        session: &mut Conn,
        database: &str,
    ) -> Result<Vec<TableFacts>, Error> {
        let rows: Vec<(String, String, bool, bool, Option<String>)> = session
            .exec(TABLES, (database,))
            .await
            .map_err(|source| self.refused("list the tables of", database, source))?;
        let ours = |name: &str| name == super::scratch::MARK_TABLE;
        Ok(rows
            .into_iter()
            .filter(|(name, ..)| !ours(name))
            .map(
                |(name, engine, versioned, transactional, floats)| TableFacts {
                    name,
                    engine,
                    versioned,
                    transactional,
                    floats: floats.map_or_else(Vec::new, |floats| vec![floats]),
                },
            )
            .collect())
    }

    pub(super) async fn clock(&self, session: &mut Conn) -> Result<Timestamp, Error> {
        let micros: Option<i64> = session
            .query_first("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)")
            .await
            .map_err(|source| {
                self.refused("read the clock of", self.address.to_string(), source)
            })?;
        micros
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .ok_or_else(|| {
                Error::new(
                    "read the clock of",
                    self.address.to_string(),
                    ErrorKind::Server,
                    "it has no time",
                )
            })
    }

    pub(super) async fn server_id(&self, session: &mut Conn, flavour: Flavour) -> Option<String> {
        let sql = match flavour {
            Flavour::Mariadb => "SELECT @@GLOBAL.server_uid",
            Flavour::Mysql => "SELECT @@GLOBAL.server_uuid",
        };
        // MariaDB before 10.11 has none.
        session.query_first(sql).await.ok().flatten()
    }

    /// Where the binary log is, if there is one and it may be read.
    pub(super) async fn log_position(
        &self,
        session: &mut Conn,
        flavour: Flavour,
    ) -> Option<String> {
        let mut position = None;
        for sql in ["SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"] {
            if let Ok(Some(row)) = session.query_first::<mysql_async::Row, _>(sql).await
                && let (Some(Ok(file)), Some(Ok(at))) =
                    (row.get_opt::<String, _>(0), row.get_opt::<u64, _>(1))
            {
                position = Some(format!("{file}:{at}"));
                break;
            }
        }
        let sql = match flavour {
            Flavour::Mariadb => "SELECT @@GLOBAL.gtid_binlog_pos",
            Flavour::Mysql => "SELECT @@GLOBAL.gtid_executed",
        };
        let gtid: Option<String> = session.query_first(sql).await.ok().flatten();
        let gtid = gtid.filter(|gtid| !gtid.is_empty());
        match (position, gtid) {
            (Some(position), Some(gtid)) => Some(format!("{position} gtid {gtid}")),
            (position, gtid) => position.or(gtid.map(|gtid| format!("gtid {gtid}"))),
        }
    }

    /// Without this right, a dump has no triggers in it and says nothing about that.
    pub(super) async fn sees_triggers(&self, session: &mut Conn) -> bool {
        let grants: Result<Vec<String>, _> = session.query("SHOW GRANTS").await;
        match grants {
            Ok(grants) => grants.iter().any(|grant| {
                let rights = grant.split(" ON ").next().unwrap_or_default();
                rights.contains("ALL PRIVILEGES") || rights.contains("TRIGGER")
            }),
            Err(error) => !is_denied(&error),
        }
    }
}
