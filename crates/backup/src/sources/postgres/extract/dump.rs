//! Tables into an archive.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use tokio::io::AsyncWrite;
use tokio_postgres::Client;

use super::super::session::{ident, refused};
use super::csv::Csv;
use super::describe::{describe, notes};
use super::document::{DESCRIPTION, Described, Description, SUMMARY, Summary, Summed, VERSION};
use super::live::{LiveTable, parse_name};
use super::pack::{Packer, Parts};
use super::source::ExtractSource;
use crate::{Error, ErrorKind, Fingerprint, Scope, ServerFacts, Snapshot, TableContent};

impl ExtractSource {
    pub(super) async fn export(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Snapshot, Error> {
        let database = self.postgres.conninfo.database();
        let client = self.postgres.session(database).await?;
        let failed = |source| refused("take a snapshot of", database, source);
        let system_identifier = self.postgres.system_identifier(&client).await;
        let facts = self.postgres.facts(&client).await?;
        let names = self.names(&client).await?;
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(failed)?;
        // Before the snapshot, so that no change of a definition comes between both.
        let locked: Vec<String> = names.iter().map(Named::quoted).collect();
        client
            .batch_execute(&format!(
                "LOCK TABLE {} IN ACCESS SHARE MODE",
                locked.join(", ")
            ))
            .await
            .map_err(|source| refused("lock", locked.join(", "), source))?;
        let started = self.postgres.moment(&client).await?;
        let writes = self.postgres.counters(&client).await?;
        let (tables, from) = self.describe(&client, &names).await?;
        let time = u64::try_from(started.at.as_second()).unwrap_or(0);
        let mut packer = Packer::new(sink, time);
        let description = Description {
            version: VERSION,
            tables,
        };
        packer
            .member(DESCRIPTION, &to_bytes(&description)?)
            .await
            .map_err(unstored)?;
        let mut summed = Vec::new();
        for (table, from) in description.tables.iter().zip(from) {
            summed.push(copy_out(&client, table, &from, &mut packer).await?);
        }
        let summary = Summary {
            version: VERSION,
            tables: summed,
        };
        packer
            .member(SUMMARY, &to_bytes(&summary)?)
            .await
            .map_err(unstored)?;
        packer.finish().await.map_err(unstored)?;
        let finished = self.postgres.moment(&client).await?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        let server = ServerFacts {
            version: facts.version,
            tool: "COPY".to_owned(),
            system_identifier,
            database: database.to_owned(),
            database_oid: facts.database_oid,
            lsn: started.lsn,
            started: started.at,
            finished: finished.at,
        };
        let tables = description.tables;
        let names = tables.iter().map(|table| table.name.clone()).collect();
        let mut snapshot = Snapshot::new(fingerprint(&tables, summary.tables), server)
            .with_writes(writes)
            .with_scope(Scope::Tables(names));
        snapshot.notes = tables.iter().flat_map(notes).collect();
        Ok(snapshot)
    }

    /// Of the tables that were asked for, each once.
    async fn names(&self, client: &Client) -> Result<Vec<Named>, Error> {
        let unusable = |what: &str, detail: &str| {
            Err(Error::new("export", what, ErrorKind::InvalidInput, detail))
        };
        if self.extracts.is_empty() {
            return unusable("tables", "none was named");
        }
        let mut names: Vec<Named> = Vec::new();
        for wanted in &self.extracts {
            let (schema, table) = parse_name(client, &wanted.table).await?;
            let named = Named { schema, table };
            if names.contains(&named) {
                return unusable(&wanted.table, "it is named twice");
            }
            // A better answer than the lock would give.
            named.find(client).await?;
            names.push(named);
        }
        Ok(names)
    }

    /// What the archive will hold, and where each table's rows are read from.
    async fn describe(
        &self,
        client: &Client,
        names: &[Named],
    ) -> Result<(Vec<Described>, Vec<String>), Error> {
        let (mut tables, mut from) = (Vec::new(), Vec::new());
        for (number, (wanted, named)) in self.extracts.iter().zip(names).enumerate() {
            let live = named.find(client).await?;
            tables.push(describe(number + 1, wanted, &live)?);
            from.push(live.rows);
        }
        Ok((tables, from))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    schema: String,
    table: String,
}

impl Named {
    fn quoted(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.table))
    }

    async fn find(&self, client: &Client) -> Result<LiveTable, Error> {
        let found = LiveTable::find(client, &self.schema, &self.table).await?;
        found.ok_or_else(|| {
            let detail = "there is no such table";
            Error::new("export", self.quoted(), ErrorKind::NotFound, detail)
        })
    }
}

/// What a copy has in it that was restored for itself.
pub(super) fn fingerprint(tables: &[Described], summed: Vec<Summed>) -> Fingerprint {
    let facts = tables.iter().flat_map(|table| {
        table.columns.iter().map(|column| {
            let object = format!("column {}.{}", table.name, column.name);
            let fact = format!("type {}", column.plain_type());
            (object, BTreeSet::from([fact]))
        })
    });
    let contents = summed.into_iter().map(|table| {
        let content = TableContent {
            rows: table.rows,
            hash: table.hash,
        };
        (table.name, content)
    });
    Fingerprint {
        schema: facts.collect(),
        tables: contents.collect(),
        sequences: BTreeMap::new(),
        large_objects: None,
        extensions: BTreeMap::new(),
        column_order: BTreeMap::new(),
    }
}

/// One table's rows, in the transaction of `client`.
async fn copy_out(
    client: &Client,
    table: &Described,
    from: &str,
    packer: &mut Packer<'_>,
) -> Result<Summed, Error> {
    let failed = |source| refused("read the rows of", &table.name, source);
    let mut sql = format!("SELECT {} FROM {from}", table.column_list());
    if let Some(filter) = &table.filter {
        // On lines of its own, should it end in a comment.
        sql.push_str(&format!(" WHERE (\n{filter}\n)"));
    }
    let copy = client
        .copy_out(&format!(
            "COPY ({sql}) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)"
        ))
        .await
        .map_err(failed)?;
    let mut copy = std::pin::pin!(copy);
    let mut csv = Csv::new(table.column_names());
    let mut parts = Parts::new(&table.file);
    while let Some(piece) = copy.next().await {
        let piece = piece.map_err(failed)?;
        csv.feed(&piece);
        parts.write(packer, &piece).await.map_err(unstored)?;
    }
    let files = parts.finish(packer).await.map_err(unstored)?;
    let Some(sum) = csv.end() else {
        return Err(Error::new(
            "read the rows of",
            &table.name,
            ErrorKind::Server,
            "they are not as COPY writes them",
        ));
    };
    let content = sum.content();
    Ok(Summed {
        name: table.name.clone(),
        rows: content.rows,
        hash: content.hash,
        files,
    })
}

fn to_bytes(document: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec_pretty(document).map_err(|source| {
        Error::new("describe", "the export", ErrorKind::InvalidInput, "").with_source(source)
    })
}

fn unstored(source: std::io::Error) -> Error {
    let detail = source.to_string();
    Error::new("store", "the export", ErrorKind::Store, detail).with_source(source)
}
