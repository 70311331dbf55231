//! Restoring SQL text with `psql`: only its statements, and all of them or none.
//!
//! `psql` also runs commands of its own, which a dump has no business with: `\connect live`
//! would leave the new database, and `\!` starts programs. It has a mode in which it refuses them
//! (CVE-2025-8714), which ends with a word that the dump must not know.

use std::process::Stdio;

use memchr::memmem;
use ripcord_conninfo::Conninfo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;

use super::child::tail;
use super::fence::{Fence, HEAD};
use super::source::PostgresSource;
use super::tools::{Tools, major_of};
use crate::archive::Ending;
use crate::{Error, ErrorKind, Format};

const BUFFER: usize = 256 * 1024;

/// Since which minor version of each major one `psql` can be restricted.
const RESTRICTED_SINCE: &[(u32, u32)] = &[(13, 22), (14, 19), (15, 14), (16, 10), (17, 6)];

/// The beginning of an archive.
pub(super) async fn head(archive: &mut (dyn AsyncRead + Send + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    archive.take(HEAD as u64).read_to_end(&mut head).await?;
    Ok(head)
}

/// Whether what begins like this is SQL text of `pg_dump`.
pub(super) fn is_plain(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    text.lines()
        .map(|line| line.trim_start_matches('\u{feff}').trim_end())
        .take_while(|line| line.is_empty() || line.starts_with("--") || line.starts_with('\\'))
        .any(|line| line == "-- PostgreSQL database dump")
}

/// Counts the entries that a dump's comments name, and fails when its end is missing.
pub(super) async fn count(archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
    const ENTRY: &[u8] = b"\n-- Name: ";
    let mut ending = Ending::new(Format::PgPlain);
    let mut count = 0;
    let mut buffer = vec![0; BUFFER];
    let mut window = Vec::new();
    loop {
        let read = archive.read(&mut buffer).await.map_err(unreadable)?;
        if read == 0 {
            break;
        }
        ending.feed(&buffer[..read]);
        window.extend_from_slice(&buffer[..read]);
        count += memmem::find_iter(&window, ENTRY).count() as u64;
        // It may go on in the next piece; what is kept is too short to be counted twice.
        window.drain(..window.len() - window.len().min(ENTRY.len() - 1));
    }
    ending.check()?;
    Ok(count)
}

impl PostgresSource {
    pub(super) async fn restore_plain(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        tools: &Tools,
        target: &Conninfo,
    ) -> Result<(), Error> {
        can_be_restricted(tools)?;
        let psql = tools.restore.with_file_name("psql");
        let mut command = self.command(&psql, target);
        command
            .args(["-X", "-q", "--no-password", "-f", "-"])
            .args(["-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = self.spawn(command)?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let stdout = child.stdout.take();
        // Printed behind the last statement. Text that ends inside of a string would swallow the
        // end of the transaction, and psql would not mind.
        let last_word = format!("{:032x}", rand::random::<u128>());
        let feeding = async {
            let fed = feed(archive, stdin, &last_word).await;
            if fed.is_err() && child.start_kill().is_err() {
                tracing::debug!("psql had ended already");
            }
            (fed, child)
        };
        let ((fed, mut child), said, printed) = tokio::join!(feeding, tail(stderr), tail(stdout));
        let failed = |detail: String| {
            Error::new(
                "restore into",
                target.database(),
                ErrorKind::ToolFailed,
                detail,
            )
        };
        let status = child
            .wait()
            .await
            .map_err(|source| failed(source.to_string()))?;
        fed?;
        if status.success() && printed.trim_end().ends_with(&last_word) {
            return Ok(());
        }
        if status.success() {
            let detail = "its last statement does not end".to_owned();
            return Err(Error::new(
                "read",
                "the SQL text",
                ErrorKind::Corrupt,
                detail,
            ));
        }
        Err(explain(failed(self.redact(first_error(&said))), &said))
    }
}

/// Gives `psql` the dump as one transaction, which is committed only after the dump's last line:
/// `--single-transaction` would take any end for that.
async fn feed(
    archive: &mut (dyn AsyncRead + Send + Unpin),
    stdin: Option<ChildStdin>,
    last_word: &str,
) -> Result<(), Error> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    let key = format!("{:032x}", rand::random::<u128>());
    let mut ending = Ending::new(Format::PgPlain);
    let mut fence = Fence::default();
    let mut out = format!("\\restrict {key}\nBEGIN;\n").into_bytes();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = archive.read(&mut buffer).await.map_err(unreadable)?;
        if count == 0 {
            break;
        }
        ending.feed(&buffer[..count]);
        fence.pass(&buffer[..count], &mut out)?;
        // One that failed closes its end; that is told by its status and not here.
        if stdin.write_all(&out).await.is_err() {
            return Ok(());
        }
        out.clear();
    }
    fence.end(&mut out)?;
    ending.check()?;
    out.extend_from_slice(
        format!("\n;\n\\unrestrict {key}\nCOMMIT;\n\\echo {last_word}\n").as_bytes(),
    );
    if stdin.write_all(&out).await.is_ok() {
        drop(stdin.shutdown().await);
    }
    Ok(())
}

/// They are installed together, so `psql` has the version of `pg_dump`.
fn can_be_restricted(tools: &Tools) -> Result<(), Error> {
    let label = tools.label();
    let version = label.rsplit(' ').next().unwrap_or_default();
    let major = major_of(version).unwrap_or(0);
    let minor = version.split('.').nth(1).and_then(major_of).unwrap_or(0);
    let since = RESTRICTED_SINCE.iter().find(|(known, _)| *known == major);
    let can = match since {
        Some((_, since)) => minor >= *since,
        None => major > 17,
    };
    if can {
        return Ok(());
    }
    let detail = format!("psql {version} cannot be kept from running commands that a dump names");
    let error = Error::new(
        "restore",
        "a dump that is SQL text",
        ErrorKind::ToolMissing,
        detail,
    );
    Err(match since {
        Some((major, minor)) => error.with_help(format!("install {major}.{minor} or later")),
        None => error.with_help("install the client of a version that is still kept up"),
    })
}

fn unreadable(source: std::io::Error) -> Error {
    Error::reading_archive("a dump", source)
}

/// What comes after it are consequences.
fn first_error(said: &str) -> &str {
    said.lines()
        .find(|line| line.contains("ERROR: ") || line.contains("error: "))
        .or_else(|| said.lines().find(|line| line.contains("restricted")))
        .unwrap_or(said)
}

fn explain(error: Error, said: &str) -> Error {
    let error_is = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if error_is(&[
        "backslash commands are restricted",
        "CREATE DATABASE cannot run inside",
    ]) {
        error.with_help(
            "commands of psql, such as \\connect, are not run: they would leave the new database. \
             Dump with pg_dump without --create",
        )
    } else if error_is(&["role "]) {
        error.with_help("create the role, or dump with --no-owner and --no-acl")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_says_what_it_is() {
        assert!(is_plain(b"--\n-- PostgreSQL database dump\n--\n"));
        assert!(is_plain(
            b"\\restrict x\n--\r\n-- PostgreSQL database dump\r\n"
        ));
        assert!(!is_plain(b"PGDMP\x01\x0e\n-- PostgreSQL database dump\n"));
        assert!(!is_plain(b"SELECT 1;\n-- PostgreSQL database dump\n"));
    }
}
