use std::process::Stdio;

use tokio::io::AsyncWrite;
use tokio_postgres::Client;

use super::child::{CopyError, copy, tail};
use super::session::refused;
use super::source::PostgresSource;
use super::tools::Tools;
use crate::{Error, ErrorKind, ServerFacts, Snapshot};

impl PostgresSource {
    /// One transaction exports its snapshot, `pg_dump` adopts it, and the fingerprint is read in
    /// it meanwhile: both see the same rows, whatever is written.
    pub(super) async fn dump_snapshot(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
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
        let row = client
            .query_one("SELECT pg_catalog.pg_export_snapshot()", &[])
            .await
            .map_err(failed)?;
        let snapshot: String = row.get(0);
        let started = self.moment(&client).await?;
        let writes = self.counters(&client).await?;
        // Sequences are outside of any snapshot: what they give out before the dump reads them
        // only makes them go further, so they are read first.
        let sequences = self.sequences(&client).await?;
        let (fingerprint, ()) = tokio::try_join!(
            self.read_fingerprint(&client, facts.version_num, sequences),
            self.run_pg_dump(&tools, &snapshot, sink),
        )?;
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
        Ok(Snapshot::new(fingerprint, server).with_writes(writes))
    }

    async fn run_pg_dump(
        &self,
        tools: &Tools,
        snapshot: &str,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), Error> {
        let wait = self.options.lock_wait_timeout.as_millis();
        let mut command = self.command(tools.dump(), &tools.conninfo(&self.conninfo));
        command
            .args(["--format=custom", "--compress=0", "--no-password"])
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!("--lock-wait-timeout={wait}"))
            .stdout(Stdio::piped());
        let mut child = self.spawn(command)?;
        let stderr = child.stderr.take();
        let Some(mut stdout) = child.stdout.take() else {
            return Err(self.dump_failed("it has no output"));
        };
        let (copied, said) = tokio::join!(
            async {
                let copied = copy(&mut stdout, sink).await;
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
        match copied {
            Err(CopyError::Writing(source)) => {
                let detail = source.to_string();
                return Err(Error::new(
                    "store the dump of",
                    self.conninfo.database(),
                    ErrorKind::Store,
                    detail,
                )
                .with_source(source));
            }
            Err(CopyError::Reading(source)) => {
                return Err(self
                    .dump_failed("its output cannot be read")
                    .with_source(source));
            }
            Ok(()) => {}
        }
        if !status.success() {
            return Err(self.dump_failed(&format!("{status}: {}", self.redact(&said))));
        }
        Ok(())
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
    async fn system_identifier(&self, client: &Client) -> Option<String> {
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
