use std::process::Stdio;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};

use super::super::child::{Fed, run_fed, spawn};
use super::reading::{Purpose, Reading};
use super::scanner::{Comments, Refusal, Scanner};
use super::source::MysqlSource;
use super::tools::Flavour;
use crate::{Destination, Error, ErrorKind, RestoreReport};

impl MysqlSource {
    pub(super) async fn count_entries(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, Error> {
        let mut scanner = Scanner::new(Reading::new(Purpose::Inspect), Comments::Drop);
        match self.read(archive, &mut scanner, None).await? {
            Read::Whole => {}
            Read::Refused(refusal) => return Err(corrupt("read", refusal)),
        }
        let contents = scanner.into_reader().into_contents();
        contents
            .map(|contents| contents.entries())
            .map_err(|refusal| corrupt("read", refusal))
    }

    pub(super) async fn restore_into(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        let begun = Instant::now();
        let mut session = self.session().await?;
        let flavour = Flavour::of(&self.version(&mut session).await?);
        drop(session.disconnect().await);
        let tools = self.tools(flavour).await?;
        self.create_database(into).await?;
        let defaults = self.defaults(flavour)?;
        let mut command = self.command(&tools.client, &defaults);
        client_arguments(&mut command, &into.database);
        let child = spawn(command)?;
        let purpose = Purpose::Restore(self.address.database().to_owned());
        // Comments between statements would hide from the client that a new line begins.
        let mut scanner = Scanner::new(Reading::new(purpose), Comments::Drop);
        let feed = async |stdin| match self.read(archive, &mut scanner, stdin).await {
            Ok(Read::Whole) => Fed::Whole,
            Ok(Read::Refused(refusal)) => Fed::Stopped(corrupt("restore", refusal)),
            Err(error) => Fed::Stopped(error),
        };
        let (fed, ended) = run_fed(child, feed).await.map_err(|source| {
            Error::new(
                "restore into",
                &into.database,
                ErrorKind::ToolFailed,
                source.to_string(),
            )
        })?;
        if let Fed::Stopped(error) = fed {
            return Err(error);
        }
        let (status, said) = (ended.status, ended.said);
        if !status.success() {
            return Err(self.restore_failed(&into.database, &said, &status.to_string()));
        }
        let reading = scanner.into_reader();
        let notes = reading.notes().to_vec();
        reading
            .into_contents()
            .map_err(|refusal| corrupt("restore", refusal))?;
        Ok(RestoreReport::new(begun.elapsed(), notes))
    }

    /// Reads to the end, and writes what may pass into the client, if there is one.
    async fn read(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        scanner: &mut Scanner<Reading>,
        mut client: Option<ChildStdin>,
    ) -> Result<Read, Error> {
        let (mut piece, mut out) = (vec![0; 128 * 1024], Vec::new());
        loop {
            let count = archive
                .read(&mut piece)
                .await
                .map_err(|source| Error::reading_archive(self.address.database(), source))?;
            let seen = if count == 0 {
                scanner.finish(&mut out)
            } else {
                scanner.feed(&piece[..count], &mut out)
            };
            if let Err(refusal) = seen {
                return Ok(Read::Refused(refusal));
            }
            if let Some(stdin) = &mut client
                && stdin.write_all(&out).await.is_err()
            {
                // It has failed, and its status says so.
                return Ok(Read::Whole);
            }
            if count == 0 {
                if let Some(stdin) = &mut client {
                    drop(stdin.shutdown().await);
                }
                return Ok(Read::Whole);
            }
        }
    }

    fn restore_failed(&self, database: &str, said: &str, status: &str) -> Error {
        // The client repeats the statement that failed, with all the rows in it.
        let errors: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("ERROR"))
            .take(3)
            .collect();
        let detail = if errors.is_empty() {
            status.to_owned()
        } else {
            errors.join("; ")
        };
        let error = Error::new(
            "restore into",
            database,
            ErrorKind::ToolFailed,
            self.redact(&detail),
        );
        if detail.contains("ERROR 1227") {
            return error.with_help(format!(
                "as an administrator: GRANT SET USER (or SUPER) ON *.* TO {}; definers of views, triggers and routines are other users",
                self.address.user()
            ));
        }
        error
    }
}

/// How reading ended.
enum Read {
    /// At the archive's end, or where the client wanted no more.
    Whole,
    Refused(Refusal),
}

fn client_arguments(command: &mut Command, database: &str) {
    command
        .args([
            // No commands of the client's, and every byte as it is.
            "--binary-mode",
            "--batch",
            "--skip-named-commands",
            "--skip-auto-rehash",
            // A new session would not have the settings that the text has made.
            "--skip-reconnect",
            "--local-infile=0",
            // In the code of routines.
            "--comments",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
        ])
        .arg(format!("--database={database}"))
        .stdin(Stdio::piped());
}

fn corrupt(operation: &'static str, refusal: Refusal) -> Error {
    Error::new(operation, "the archive", ErrorKind::Corrupt, refusal.0)
}
