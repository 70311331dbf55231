use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{ChildStdout, Command};
use tokio::sync::oneshot;

use super::super::child::{spawn, tail};
use super::contents::Contents;
use super::facts::{Defaults, TableFacts};
use super::reading::{Purpose, Reading};
use super::scanner::{Comments, Refusal, Scanner};
use super::scratch::MARK_TABLE;
use super::source::MysqlSource;
use super::tools::{Flavour, Tools, numbers};
use crate::{Error, ErrorKind, Fingerprint, Progress, ServerFacts, Snapshot};

/// How long a session that is no longer needed may take to end.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a dump is made with.
pub(super) struct Work<'a> {
    pub(super) database: &'a str,
    flavour: Flavour,
    tools: Tools,
    defaults: Defaults,
    pub(super) tables: Vec<TableFacts>,
    /// Whether old versions of rows are dumped too.
    pub(super) history: bool,
}

impl MysqlSource {
    /// While nobody can write, both the tool and our own session begin to look at the database.
    /// From then on both see the same rows, whatever is written, and ours are counted.
    pub(super) async fn dump_snapshot(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Snapshot, Error> {
        let database = self.address.database();
        let mut session = self.session().await?;
        let version = self.version(&mut session).await?;
        let flavour = Flavour::of(&version);
        let mut work = self
            .prepare(&mut session, database, flavour, &version)
            .await?;
        let system_identifier = self.server_id(&mut session, flavour).await;
        let triggers_seen = self.sees_triggers(&mut session).await;
        let locked = self.lock(&mut session).await?;
        // Again: nothing can be created or altered any more.
        work.tables = self.tables(&mut session, database).await?;
        let started = self.clock(&mut session).await?;
        let lsn = self.log_position(&mut session, flavour).await;
        let (begun, has_begun) = oneshot::channel();
        let done = tokio::try_join!(
            self.run_dump(&work, sink, begun, progress),
            self.count_meanwhile(&mut session, &work, locked, has_begun),
        );
        let (contents, counted) = match done {
            Ok(done) => done,
            Err(error) => {
                // The lock may be held yet, and would be until somebody polls the session's end.
                drop(tokio::time::timeout(GOODBYE, session.disconnect()).await);
                return Err(error);
            }
        };
        let finished = self.clock(&mut session).await?;
        let cap = self.cap(&work, counted.as_ref(), triggers_seen);
        if let Some(counted) = &counted {
            self.compare(&contents, counted)?;
        }
        drop(session.disconnect().await);
        let server = ServerFacts {
            version,
            tool: work.tools.label(),
            system_identifier,
            database: database.to_owned(),
            database_oid: 0,
            lsn,
            started,
            finished,
        };
        let snapshot = Snapshot::new(whole(contents, &work.defaults), server);
        Ok(match cap {
            Some(cap) => snapshot.with_cap(cap),
            None => snapshot,
        })
    }

    pub(super) async fn fingerprint_at(&self, database: &str) -> Result<Fingerprint, Error> {
        let mut session = self.session().await?;
        let version = self.version(&mut session).await?;
        let work = self
            .prepare(&mut session, database, Flavour::of(&version), &version)
            .await?;
        drop(session.disconnect().await);
        let (begun, _) = oneshot::channel();
        let contents = self
            .run_dump(&work, &mut tokio::io::sink(), begun, &())
            .await?;
        Ok(whole(contents, &work.defaults))
    }

    async fn prepare<'a>(
        &self,
        session: &mut Conn,
        database: &'a str,
        flavour: Flavour,
        version: &str,
    ) -> Result<Work<'a>, Error> {
        let tools = self.tools(flavour).await?;
        let defaults = self.defaults_of(session, database).await?;
        let tables = self.tables(session, database).await?;
        let new_enough = numbers(version) >= (10, 11) && tools.version() >= (10, 11);
        Ok(Work {
            database,
            flavour,
            history: new_enough && tables.iter().any(|table| table.versioned),
            tools,
            defaults,
            tables,
        })
    }

    async fn run_dump(
        &self,
        work: &Work<'_>,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        begun: oneshot::Sender<()>,
        progress: &dyn Progress,
    ) -> Result<Contents, Error> {
        let defaults = self.defaults(work.flavour)?;
        let mut command = self.command(&work.tools.dump, &defaults);
        dump_arguments(&mut command, work);
        let mut child = spawn(command)?;
        let stderr = child.stderr.take();
        let Some(stdout) = child.stdout.take() else {
            return Err(self.dump_failed("it has no output"));
        };
        let mut reading = Reading::new(Purpose::Dump(work.database.to_owned()));
        reading.set_default(work.defaults.clause());
        // So that a restore without this program has it too.
        let first = format!("ALTER DATABASE {};\n", work.defaults.clause());
        let pumping = async {
            let read = self
                .pump(stdout, reading, first.as_bytes(), sink, begun, progress)
                .await;
            if !matches!(read, Ok(_) | Err(Pumped::Cut(_))) {
                // It may wait for a lock, and say nothing until it has it.
                drop(child.start_kill());
            }
            read
        };
        let (read, said) = tokio::join!(pumping, tail(stderr));
        let status = child
            .wait()
            .await
            .map_err(|source| self.dump_failed("its end was not seen").with_source(source))?;
        let said = self.redact(&said);
        match read {
            Err(Pumped::Stopped(error)) => Err(error),
            Err(Pumped::Refused(refusal)) => Err(self.dump_failed(&refusal.0)),
            // It knows best why its text is not whole.
            _ if !status.success() => Err(self.dump_failed(&format!("{status}: {said}"))),
            Err(Pumped::Cut(refusal)) => Err(self.dump_failed(&refusal.0)),
            Ok(reading) => reading
                .into_contents()
                .map_err(|refusal| self.dump_failed(&refusal.0)),
        }
    }

    async fn pump(
        &self,
        mut from: ChildStdout,
        reading: Reading,
        first: &[u8],
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        begun: oneshot::Sender<()>,
        progress: &dyn Progress,
    ) -> Result<Reading, Pumped> {
        let stored = |source: std::io::Error| {
            let (database, detail) = (self.address.database(), source.to_string());
            let error = Error::new("store the dump of", database, ErrorKind::Store, detail);
            Pumped::Stopped(error.with_source(source))
        };
        let mut begun = Some(begun);
        let mut scanner = Scanner::new(reading, Comments::Keep);
        let (mut piece, mut out) = (vec![0; 128 * 1024], Vec::new());
        sink.write_all(first).await.map_err(stored)?;
        loop {
            let count = self.read_or_locked(&mut from, &mut piece).await?;
            let before = scanner.reader().rows_seen();
            if count == 0 {
                scanner.finish(&mut out).map_err(Pumped::Cut)?;
            } else {
                scanner
                    .feed(&piece[..count], &mut out)
                    .map_err(Pumped::Refused)?;
            }
            progress.rows(scanner.reader().rows_seen() - before);
            if (scanner.reader().has_begun() || count == 0)
                && let Some(begun) = begun.take()
            {
                // Nobody waits for it where nothing is counted.
                let _ = begun.send(());
            }
            sink.write_all(&out).await.map_err(stored)?;
            if count == 0 {
                return Ok(scanner.into_reader());
            }
        }
    }

    /// The tool waits for a table for as long as the server lets it. We do not.
    async fn read_or_locked(
        &self,
        from: &mut ChildStdout,
        piece: &mut [u8],
    ) -> Result<usize, Pumped> {
        loop {
            let read = tokio::time::timeout(self.options.lock_wait_timeout, from.read(piece)).await;
            match read {
                Ok(Ok(count)) => return Ok(count),
                Ok(Err(source)) => {
                    let error = self.dump_failed("its output cannot be read");
                    return Err(Pumped::Stopped(error.with_source(source)));
                }
                Err(_) if self.waits_for_a_table().await.map_err(Pumped::Stopped)? => {
                    let waited = self.options.lock_wait_timeout.as_secs_f64();
                    return Err(Pumped::Stopped(Error::new(
                        "dump",
                        self.address.database(),
                        ErrorKind::Locked,
                        format!("a table was not to be had in {waited} s"),
                    )));
                }
                Err(_) => {}
            }
        }
    }

    async fn waits_for_a_table(&self) -> Result<bool, Error> {
        let mut session = self.session().await?;
        let waiting: Option<u64> = session
            .query_first(
                "SELECT ID FROM information_schema.PROCESSLIST
                 WHERE STATE LIKE 'Waiting for table%' AND USER = SUBSTRING_INDEX(USER(), '@', 1)
                   AND ID <> CONNECTION_ID() LIMIT 1",
            )
            .await
            .map_err(|source| {
                self.refused("look at the sessions of", self.address.to_string(), source)
            })?;
        drop(session.disconnect().await);
        Ok(waiting.is_some())
    }

    pub(super) fn dump_failed(&self, detail: &str) -> Error {
        Error::new(
            "dump",
            self.address.database(),
            ErrorKind::ToolFailed,
            detail,
        )
    }
}

/// Why a dump was not read to its end.
enum Pumped {
    Stopped(Error),
    Refused(Refusal),
    /// The tool has closed its output, and the text is not whole.
    Cut(Refusal),
}

fn dump_arguments(command: &mut Command, work: &Work<'_>) {
    command
        .args([
            "--single-transaction",
            "--skip-lock-tables",
            "--quick",
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--no-tablespaces",
            "--default-character-set=utf8mb4",
            "--set-charset",
            "--tz-utc",
            // Its last line says that it was completed.
            "--comments",
            "--skip-dump-date",
            "--max-allowed-packet=1G",
        ])
        .stdout(Stdio::piped());
    if work.flavour == Flavour::Mysql {
        // Not every version has them.
        command.args(["--loose-set-gtid-purged=OFF", "--loose-column-statistics=0"]);
    }
    if work.history {
        command.arg("--dump-history");
    }
    command
        .arg(format!("--ignore-table={}.{MARK_TABLE}", work.database))
        // A name may begin with a dash.
        .args(["--", work.database]);
}

fn whole(contents: Contents, defaults: &Defaults) -> Fingerprint {
    let mut fingerprint = contents.into_fingerprint();
    let facts = BTreeSet::from([
        format!("character set {}", defaults.charset),
        format!("collation {}", defaults.collation),
    ]);
    fingerprint.schema.insert("database".to_owned(), facts);
    fingerprint
}
