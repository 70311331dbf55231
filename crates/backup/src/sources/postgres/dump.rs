use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use ripcord_conninfo::Conninfo;
use tokio::io::AsyncWrite;
use tokio::process::Command;
use tokio_postgres::Client;

use super::child::{CopyError, copy_watched, tail, widen};
use super::content::Table;
use super::custom::{Seen, Watcher};
use super::directory::{Workspace, pack};
use super::options::{Contents, Layout, RowHashes};
use super::rows::RowSum;
use super::session::refused;
use super::source::PostgresSource;
use super::tools::Tools;
use crate::{Cap, Error, ErrorKind, Level, Progress, Scope, ServerFacts, Snapshot, TableContent};

impl PostgresSource {
    /// One transaction exports its snapshot, `pg_dump` adopts it, and the fingerprint is read in
    /// it meanwhile: both see the same rows, whatever is written.
    pub(super) async fn dump_snapshot(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Snapshot, Error> {
        let database = self.conninfo.database();
        let client = self.session(database).await?;
        let failed = |source| refused("take a snapshot of", database, source);
        let system_identifier = self.system_identifier(&client).await;
        let facts = self.facts(&client).await?;
        let tools = self.tools(facts.major).await?;
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(failed)?;
        let snapshot = self.export_snapshot(&client).await?;
        let started = self.moment(&client).await?;
        let writes = self.counters(&client).await?;
        // Sequences are outside of any snapshot: what they give out before the dump reads them
        // only makes them go further, so they are read first.
        let (sequences, tables) = match self.options.contents {
            Contents::Everything => (
                self.sequences(&client).await?,
                self.list_tables(&client).await?,
            ),
            Contents::Definitions => (BTreeMap::new(), Vec::new()),
        };
        let (mut fingerprint, seen) = tokio::try_join!(
            self.read_definitions(&client, facts.version_num, sequences),
            self.run(&tools, &snapshot, &tables, sink, progress),
        )?;
        let cap = (self.options.rows == RowHashes::None).then(|| Cap {
            level: Level::Restored,
            reason: "the rows were not hashed".to_owned(),
        });
        fingerprint.tables = match seen {
            _ if cap.is_some() => BTreeMap::new(),
            Seen::Rows(seen) => self.all_seen(&tables, &seen)?,
            Seen::Unknown => {
                // A version of the format that is not known yet: read the rows themselves.
                self.read_rows(database, &snapshot, facts.version_num, &tables)
                    .await?
            }
            Seen::Broken(what) => {
                return Err(self.dump_failed(&format!("its output is broken at {what}")));
            }
        };
        if self.options.contents == Contents::Definitions {
            fingerprint.large_objects = None;
            // Without rows there is nothing to fill them with.
            for (object, facts) in &mut fingerprint.schema {
                if object.starts_with("materialized view ") {
                    facts.insert("not populated".to_owned());
                }
            }
        }
        let finished = self.moment(&client).await?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        let server = ServerFacts {
            version: facts.version,
            tool: tools.label(),
            system_identifier,
            database: database.to_owned(),
            database_oid: facts.database_oid,
            lsn: started.lsn,
            started: started.at,
            finished: finished.at,
        };
        let mut snapshot = Snapshot::new(fingerprint, server)
            .with_writes(writes)
            .with_source_bytes(self.database_size(&client).await?)
            .with_companion(self.settings(&client).await?);
        snapshot.cap = cap;
        if self.options.contents == Contents::Definitions {
            snapshot = snapshot.with_scope(Scope::Schema);
        }
        Ok(match self.roles(&tools).await {
            Ok(roles) => snapshot.with_companion(roles),
            Err(reason) => snapshot.with_note(format!("the roles were not saved: {reason}")),
        })
    }

    /// The dump must hold every table that the catalogue shows in the same snapshot.
    fn all_seen(
        &self,
        tables: &[Table],
        seen: &BTreeMap<String, RowSum>,
    ) -> Result<BTreeMap<String, TableContent>, Error> {
        tables
            .iter()
            .map(|table| match seen.get(&table.name) {
                Some(sum) => Ok((table.name.clone(), sum.content())),
                None => Err(self.dump_failed(&format!("it left out the rows of {}", table.name))),
            })
            .collect()
    }

    /// Dumps into `sink`, and says what was seen of the rows.
    async fn run(
        &self,
        tools: &Tools,
        snapshot: &str,
        tables: &[Table],
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Seen, Error> {
        match (self.options.layout, &self.options.staging) {
            (Layout::Stream, _) => {
                let mut watcher = Watcher::new(tables);
                self.stream(tools, snapshot, sink, &mut watcher, progress)
                    .await?;
                Ok(watcher.end())
            }
            (Layout::Directory, Some(staging)) if self.options.container.is_none() => {
                self.stage(tools, snapshot, tables, staging, sink, progress)
                    .await
            }
            (Layout::Directory, _) => Err(Error::new(
                "dump",
                self.conninfo.database(),
                ErrorKind::InvalidInput,
                "the directory format needs a staging folder, on the machine with pg_dump",
            )),
        }
    }

    async fn stream(
        &self,
        tools: &Tools,
        snapshot: &str,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        watcher: &mut Watcher,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let mut command = self.pg_dump(tools, snapshot);
        command.arg("--format=custom").stdout(Stdio::piped());
        let mut child = self.spawn(command)?;
        let stderr = child.stderr.take();
        let Some(mut stdout) = child.stdout.take() else {
            return Err(self.dump_failed("it has no output"));
        };
        widen(&stdout);
        let watched = self.options.rows == RowHashes::FromDump;
        let mut told = 0;
        let (copied, said) = tokio::join!(
            async {
                let copied = copy_watched(&mut stdout, sink, |bytes| {
                    if watched {
                        watcher.feed(bytes);
                        let rows = watcher.rows();
                        progress.rows(rows - told);
                        told = rows;
                    }
                })
                .await;
                // A child that nobody reads from any more must not wait for ever.
                drop(stdout);
                copied
            },
            tail(stderr)
        );
        let status = child
            .wait()
            .await
            .map_err(|source| self.dump_failed("its end was not seen").with_source(source))?;
        copied.map_err(|error| self.not_copied(error))?;
        if !status.success() {
            return Err(self.dump_failed(&format!("{status}: {}", self.redact(&said))));
        }
        Ok(())
    }

    async fn stage(
        &self,
        tools: &Tools,
        snapshot: &str,
        tables: &[Table],
        staging: &Path,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Seen, Error> {
        let workspace = Workspace::make(staging).map_err(|source| {
            let detail = source.to_string();
            let subject = format!("in {}", staging.display());
            Error::new("stage a dump", subject, ErrorKind::Store, detail).with_source(source)
        })?;
        let mut command = self.pg_dump(tools, snapshot);
        command
            .args(["--format=directory", "--no-sync"])
            .arg(format!("--jobs={}", self.options.jobs))
            .arg("--file")
            .arg(workspace.folder());
        let mut child = self.spawn(command)?;
        let said = tail(child.stderr.take()).await;
        let status = child
            .wait()
            .await
            .map_err(|source| self.dump_failed("its end was not seen").with_source(source))?;
        if !status.success() {
            return Err(self.dump_failed(&format!("{status}: {}", self.redact(&said))));
        }
        let packed = pack(workspace.folder(), tables, sink, progress)
            .await
            .map_err(|error| self.not_copied(error))?;
        if !packed.is_known {
            return Ok(Seen::Unknown);
        }
        let mut rows = BTreeMap::new();
        for (table, sum) in packed.rows {
            match sum {
                Some(sum) => rows.insert(table, sum),
                None => return Ok(Seen::Broken(table)),
            };
        }
        Ok(Seen::Rows(rows))
    }

    /// The command, without the format.
    fn pg_dump(&self, tools: &Tools, snapshot: &str) -> Command {
        let wait = self.options.lock_wait_timeout.as_millis();
        let database = canonical_text(&tools.conninfo(&self.conninfo));
        let mut command = self.command(tools.dump(), &database);
        command
            .args(["--compress=0", "--no-password", "--encoding=UTF8"])
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!("--lock-wait-timeout={wait}"))
            .args(match self.options.contents {
                Contents::Everything => None,
                Contents::Definitions => Some("--schema-only"),
            });
        command
    }

    fn not_copied(&self, error: CopyError) -> Error {
        match error {
            CopyError::Reading(source) => self
                .dump_failed("its output cannot be read")
                .with_source(source),
            CopyError::Writing(source) => {
                let detail = source.to_string();
                let database = self.conninfo.database();
                Error::new("store the dump of", database, ErrorKind::Store, detail)
                    .with_source(source)
            }
        }
    }

    fn dump_failed(&self, detail: &str) -> Error {
        Error::new(
            "run pg_dump on",
            self.conninfo.database(),
            ErrorKind::ToolFailed,
            detail,
        )
    }

    /// Not every role may read it, and an error inside a transaction would end it.
    pub(super) async fn system_identifier(&self, client: &Client) -> Option<String> {
        client
            .query_one(
                "SELECT system_identifier::text FROM pg_catalog.pg_control_system()",
                &[],
            )
            .await
            .ok()
            .map(|row| row.get(0))
    }
}

/// Settings under which `pg_dump` writes values as our own sessions do. What it sets itself is
/// not repeated.
fn canonical_text(database: &Conninfo) -> Conninfo {
    [
        ("TimeZone", "UTC"),
        ("bytea_output", "hex"),
        ("xmlbinary", "base64"),
        ("lc_monetary", "C"),
    ]
    .into_iter()
    .fold(database.clone(), |database, (name, value)| {
        database.with_setting(name, value)
    })
}
