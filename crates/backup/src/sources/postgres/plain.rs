//! Restoring SQL text with `psql`: only the statements that `pg_dump` writes, and all of them or
//! none.
//!
//! What passes is decided in [`super::script`]. `psql` also runs commands of its own, which a dump
//! has no business with: `\connect live` would leave the new database, and `\!` starts programs.
//! None passes, and should one all the same, `psql` has a mode in which it refuses them
//! (CVE-2025-8714), which ends with a word that the dump must not know.

use std::process::Stdio;

use memchr::memmem;
use ripcord_conninfo::Conninfo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;

use super::child::{Ended, Fed, run_fed};
use super::fence::{Fence, HEAD};
use super::script::Script;
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

/// Counts the entries that a dump's comments name, and fails when its end is missing, or when
/// there is a statement in it that no dump has.
pub(super) async fn count(archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
    const ENTRY: &[u8] = b"\n-- Name: ";
    let mut ending = Ending::new(Format::PgPlain);
    let mut count = 0;
    let mut buffer = vec![0; BUFFER];
    let mut window = Vec::new();
    let (mut script, mut passed) = (Script::new(), Vec::new());
    loop {
        let read = archive.read(&mut buffer).await.map_err(unreadable)?;
        if read == 0 {
            break;
        }
        ending.feed(&buffer[..read]);
        script.pass(&buffer[..read], &mut passed)?;
        passed.clear();
        window.extend_from_slice(&buffer[..read]);
        count += memmem::find_iter(&window, ENTRY).count() as u64;
        // It may go on in the next piece; what is kept is too short to be counted twice.
        window.drain(..window.len() - window.len().min(ENTRY.len() - 1));
    }
    ending.check()?;
    script.end(&mut passed)?;
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
        let child = self.spawn(command)?;
        // Printed behind the last statement. Text that ends inside of a string would swallow the
        // end of the transaction, and psql would not mind.
        let last_word = format!("{:032x}", rand::random::<u128>());
        let failed = |detail: String| {
            Error::new(
                "restore into",
                target.database(),
                ErrorKind::ToolFailed,
                detail,
            )
        };
        let feed = async |stdin| match feed(archive, stdin, &last_word).await {
            Ok(()) => Fed::Whole,
            Err(error) => Fed::Stopped(error),
        };
        let (fed, ended) = run_fed(child, feed)
            .await
            .map_err(|source| failed(source.to_string()))?;
        if let Fed::Stopped(error) = fed {
            return Err(error);
        }
        let Ended {
            status,
            said,
            printed,
        } = ended;
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
    let (mut script, mut fence) = (Script::new(), Fence::default());
    let mut passed = Vec::new();
    let mut out =
        format!("\\restrict {key}\nBEGIN;\nSET standard_conforming_strings = on;\n").into_bytes();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = archive.read(&mut buffer).await.map_err(unreadable)?;
        if count == 0 {
            break;
        }
        ending.feed(&buffer[..count]);
        script.pass(&buffer[..count], &mut passed)?;
        fence.pass(&passed, &mut out)?;
        passed.clear();
        // One that failed closes its end; that is told by its status and not here.
        if stdin.write_all(&out).await.is_err() {
            return Ok(());
        }
        out.clear();
    }
    ending.check()?;
    script.end(&mut passed)?;
    fence.pass(&passed, &mut out)?;
    fence.end(&mut out)?;
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

/// What comes after it are consequences. The line that psql counts has ours among it.
fn first_error(said: &str) -> &str {
    let found = said
        .lines()
        .find(|line| line.contains("ERROR: ") || line.contains("error: "))
        .or_else(|| said.lines().find(|line| line.contains("restricted")))
        .unwrap_or(said);
    match found.split_once("ERROR: ") {
        Some((place, error)) if place.starts_with("psql:<stdin>:") => error.trim_start(),
        _ => found,
    }
}

fn explain(error: Error, said: &str) -> Error {
    if said.contains("role ") {
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
