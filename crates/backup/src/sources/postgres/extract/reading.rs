//! Reading an archive from its beginning to its end.

use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt as _;
use tokio::io::AsyncRead;
use tokio_postgres::{Client, CopyInSink};

use super::super::session::refused;
use super::csv::Csv;
use super::document::{DESCRIPTION, Described, Description, SUMMARY, Summary, Summed, corrupt};
use super::pack::part_name;
use super::unpack::Unpacker;
use crate::Error;

const BUFFER: usize = 256 * 1024;

/// An archive, of which the tables have to be read one after the other.
pub(super) struct Reading<'a> {
    unpacker: Unpacker<'a>,
    tables: Vec<Described>,
    seen: Vec<Summed>,
}

impl<'a> Reading<'a> {
    pub(super) async fn begin(
        archive: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<Self, Error> {
        let mut unpacker = Unpacker::new(archive);
        let description = unpacker.whole(DESCRIPTION).await?;
        Ok(Self {
            unpacker,
            tables: Description::from_bytes(&description)?.tables,
            seen: Vec::new(),
        })
    }

    pub(super) fn tables(&self) -> &[Described] {
        &self.tables
    }

    /// Reads the next table's rows into this table, which has columns of the same names.
    pub(super) async fn load(&mut self, client: &Client, into: &str) -> Result<(), Error> {
        let Some(table) = self.tables.get(self.seen.len()) else {
            return Ok(());
        };
        let (name, list) = (table.name.clone(), table.column_list());
        let failed = |source| refused("load the rows of", &name, source);
        let sql = format!("COPY {into} ({list}) FROM STDIN (FORMAT csv, HEADER)");
        let sink = client.copy_in(&sql).await.map_err(failed)?;
        let mut sink = std::pin::pin!(sink);
        self.rows(Some(sink.as_mut())).await?;
        sink.finish().await.map_err(failed)?;
        Ok(())
    }

    /// Reads the next table's rows and lets them go.
    pub(super) async fn skim(&mut self) -> Result<(), Error> {
        self.rows(None).await
    }

    /// Fails unless all that was read is what was written, and nothing is missing.
    pub(super) async fn end(mut self) -> Result<Vec<Summed>, Error> {
        let summary = self.unpacker.whole(SUMMARY).await?;
        let summary: Summary = serde_json::from_slice(&summary)
            .map_err(|_| corrupt(format!("its {SUMMARY} is none")))?;
        let wrong = self
            .seen
            .iter()
            .zip(&summary.tables)
            .find(|(seen, written)| seen != written);
        if let Some((seen, _)) = wrong {
            let detail = format!("the rows of {} are not those that were written", seen.name);
            return Err(corrupt(detail));
        }
        if summary.tables.len() != self.seen.len() || self.seen.len() != self.tables.len() {
            return Err(corrupt(format!("its {SUMMARY} is about other tables")));
        }
        self.unpacker.finish().await?;
        Ok(self.seen)
    }

    async fn rows(&mut self, mut sink: Option<Pin<&mut CopyInSink<Bytes>>>) -> Result<(), Error> {
        let Some(table) = self.tables.get(self.seen.len()) else {
            return Ok(());
        };
        let mut csv = Csv::new(table.column_names());
        let mut files = Vec::new();
        let mut buffer = vec![0; BUFFER];
        while let Some(file) = next_part(table, &files, self.unpacker.name().await?) {
            files.push(file);
            self.unpacker.open();
            loop {
                let piece = self.unpacker.read(&mut buffer).await?;
                if piece.is_empty() {
                    break;
                }
                csv.feed(piece);
                if let Some(sink) = &mut sink {
                    sink.send(Bytes::copy_from_slice(piece))
                        .await
                        .map_err(|source| refused("load the rows of", &table.name, source))?;
                }
            }
        }
        let Some(sum) = csv.end() else {
            let name = &table.name;
            return Err(corrupt(format!(
                "the rows of {name} are cut off or damaged"
            )));
        };
        let content = sum.content();
        self.seen.push(Summed {
            name: table.name.clone(),
            rows: content.rows,
            hash: content.hash,
            files,
        });
        Ok(())
    }
}

/// The member's name, if it is the next part of this table.
fn next_part(table: &Described, before: &[String], name: Option<&str>) -> Option<String> {
    let name = name?;
    let fits = match before.first() {
        None => name == table.file || name == part_name(&table.file, 0),
        Some(first) => *first != table.file && name == part_name(&table.file, before.len()),
    };
    fits.then(|| name.to_owned())
}
