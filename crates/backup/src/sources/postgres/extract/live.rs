//! Tables as the catalogue shows them.

use tokio_postgres::{Client, Row};

use super::super::session::{ident, literal, refused};
use crate::{Error, ErrorKind};

const RELATION: &str = include_str!("sql/relation.sql");
const COLUMNS: &str = include_str!("sql/columns.sql");
const KEYS: &str = include_str!("sql/keys.sql");

const IDENTIFIERS: &str = "SELECT parse_ident($1)";

/// A table that has rows, or parts that have.
#[derive(Clone, Debug)]
pub(super) struct LiveTable {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) table: String,
    /// Quoted where a statement needs it.
    pub(super) name: String,
    /// As it is read from, without tables that inherit from it.
    pub(super) rows: String,
    pub(super) columns: Vec<LiveColumn>,
    pub(super) keys: Vec<Key>,
}

#[derive(Clone, Debug)]
pub(super) struct LiveColumn {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) generated: bool,
    pub(super) can_be_left_out: bool,
    /// Expressions for what it holds where nobody wrote to it.
    pub(super) untouched: Vec<String>,
    pub(super) is_everywhere: bool,
}

/// Columns that tell rows apart.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) columns: Vec<String>,
    /// Operators, ready for a statement.
    pub(super) equals: Vec<String>,
}

impl LiveTable {
    /// In the transaction of `client`; `Ok(None)` when there is none.
    pub(super) async fn find(
        client: &Client,
        schema: &str,
        table: &str,
    ) -> Result<Option<Self>, Error> {
        let shown = format!("{}.{}", ident(schema), ident(table));
        let failed = |source| refused("look at", &shown, source);
        let row = client
            .query_opt(RELATION, &[&schema, &table])
            .await
            .map_err(failed)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (oid, name): (u32, String) = (row.get(0), row.get(1));
        let kind: String = row.get(2);
        let unusable = |detail: &str| Error::new("use", &name, ErrorKind::InvalidInput, detail);
        if row.get(3) {
            return Err(unusable("it is the server's own"));
        }
        let rows = match kind.as_str() {
            "r" => format!("ONLY {shown}"),
            "p" => shown.clone(),
            _ => return Err(unusable("it is not a table that holds rows itself")),
        };
        let columns = client.query(COLUMNS, &[&oid]).await.map_err(failed)?;
        let columns = columns.iter().map(LiveColumn::of).collect();
        let keys = client.query(KEYS, &[&oid]).await.map_err(failed)?;
        let keys = keys
            .iter()
            .map(|row| Key {
                columns: row.get(0),
                equals: row.get(1),
            })
            .collect();
        Ok(Some(Self {
            oid,
            schema: schema.to_owned(),
            table: table.to_owned(),
            name,
            rows,
            columns,
            keys,
        }))
    }

    pub(super) fn column(&self, name: &str) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl LiveColumn {
    fn of(row: &Row) -> Self {
        let kind: String = row.get(1);
        let default = row.get::<_, Option<&str>>(4);
        let default = default.map(|default| format!("({default})::{kind}"));
        let missing = row.get::<_, Option<&str>>(5);
        let missing = missing.map(|array| format!("({}::text[])[1]::{kind}", literal(array)));
        Self {
            name: row.get(0),
            generated: row.get(2),
            can_be_left_out: row.get(3),
            untouched: default.into_iter().chain(missing).collect(),
            is_everywhere: row.get(6),
            kind,
        }
    }
}

/// Schema and table of a name that is written as in a statement.
pub(super) async fn parse_name(client: &Client, name: &str) -> Result<(String, String), Error> {
    let unusable = |detail: &str| Error::new("export", name, ErrorKind::InvalidInput, detail);
    let row = client
        .query_one(IDENTIFIERS, &[&name])
        .await
        .map_err(|source| match source.as_db_error() {
            Some(_) => unusable("this is not a name").with_source(source),
            None => refused("export", name, source),
        })?;
    let parts: Vec<String> = row.get(0);
    match <[String; 2]>::try_from(parts) {
        Ok([schema, table]) => Ok((schema, table)),
        Err(_) => Err(unusable("name it with its schema, as in public.orders")),
    }
}
