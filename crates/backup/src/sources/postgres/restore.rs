use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use ripcord_conninfo::Conninfo;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::{ChildStderr, ChildStdin};

use super::child::{CopyError, copy, tail, widen};
use super::directory::{Part, Workspace, is_directory, unpack};
use super::plain;
use super::scratch::{Room, birthplace};
use super::session::{ident, literal, refused};
use super::source::PostgresSource;
use super::toc::Complaints;
use crate::{Destination, Error, ErrorKind, RestoreReport, Stay};

/// How the new database has to be made so that text sorts and reads as in the old one.
const LIKE: &str = "
SELECT pg_encoding_to_char(d.encoding), d.datcollate::text, d.datctype::text,
       to_jsonb(d)->>'datlocprovider',
       coalesce(to_jsonb(d)->>'daticulocale', to_jsonb(d)->>'datlocale'),
       to_jsonb(d)->>'daticurules',
       t.spcname::text
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datname = $1";

/// With so many sessions a stream is faster than a staged archive: while one writes rows, the other
/// reads them back, and neither waits for the whole archive to lie on disk (`benches/backup`).
const STREAM_UP_TO: usize = 2;

impl PostgresSource {
    pub(super) async fn count_entries(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, Error> {
        let unreadable = |source| Error::reading_archive(self.conninfo.database(), source);
        let head = plain::head(archive).await.map_err(unreadable)?;
        let archive = &mut std::io::Cursor::new(&head).chain(archive);
        if plain::is_plain(&head) {
            return plain::count(archive).await;
        }
        let tools = self.tools(self.server_major().await?).await?;
        let mut command = self.command(&tools.restore, &self.conninfo);
        command.arg("--list").stdout(Stdio::piped());
        let workspace = match is_directory(&head) {
            true => Some(self.unpacked(archive, Part::Contents).await?),
            false => None,
        };
        match &workspace {
            Some(workspace) => command.arg(workspace.folder()),
            None => command.stdin(Stdio::piped()),
        };
        let mut child = self.spawn(command)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (fed, entries, said) = tokio::join!(
            feed(archive, stdin),
            async {
                let mut entries = 0_u64;
                if let Some(stdout) = stdout {
                    let mut lines = BufReader::new(stdout).lines();
                    while let Ok(Some(line)) = lines.next_line().await {
                        entries += u64::from(!line.starts_with(';') && !line.is_empty());
                    }
                }
                entries
            },
            tail(child.stderr.take())
        );
        fed.map_err(|source| Error::reading_archive(self.conninfo.database(), source))?;
        let status = child.wait().await.map_err(|source| {
            Error::new(
                "run",
                "pg_restore",
                ErrorKind::ToolFailed,
                source.to_string(),
            )
        })?;
        if status.success() {
            return Ok(entries);
        }
        Err(Error::new(
            "read the table of contents of",
            "the archive",
            ErrorKind::Corrupt,
            self.redact(&said),
        ))
    }

    pub(super) async fn restore_into(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        let begun = Instant::now();
        let tools = self.tools(self.server_major().await?).await?;
        self.create_database(into).await?;
        let target = tools
            .conninfo(&self.conninfo)
            .with_database(&into.database)
            // A crash during a restore makes it start over anyway.
            .with_setting("synchronous_commit", "off")
            // Indexes are built by several sessions at once, and by nobody else meanwhile.
            .with_setting("maintenance_work_mem", "256MB")
            .with_setting("default_transaction_read_only", "off");
        let run = Run {
            tool: &tools.restore,
            target: &target,
            into,
        };
        let unreadable = |source| Error::reading_archive(&into.database, source);
        let head = plain::head(archive).await.map_err(unreadable)?;
        let archive = &mut std::io::Cursor::new(&head).chain(archive);
        let complaints = match &self.options.staging {
            _ if plain::is_plain(&head) => {
                self.restore_plain(archive, &tools, &target).await?;
                Vec::new()
            }
            _ if is_directory(&head) && self.options.container.is_some() => {
                let detail =
                    "it is in the directory format, which cannot be read inside of a container";
                return Err(run.failed(ErrorKind::InvalidInput, detail));
            }
            _ if is_directory(&head) => {
                let restore = self.restore_directory(archive, &run);
                self.reading_ahead(&into.database, restore).await?
            }
            // Our files are not to be seen from inside of a container.
            _ if self.options.container.is_some() => {
                self.pg_restore(&run, &[], Some(archive)).await?
            }
            Some(folder) if self.options.jobs.get() > STREAM_UP_TO => {
                let restore = self.restore_staged(archive, folder, &run);
                self.reading_ahead(&into.database, restore).await?
            }
            _ => {
                let restore = self.restore_streamed(archive, &run);
                self.reading_ahead(&into.database, restore).await?
            }
        };
        if into.stay == Stay::Long {
            self.analyze(&into.database).await?;
        }
        Ok(RestoreReport::new(begun.elapsed(), complaints))
    }

    async fn restore_directory(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        run: &Run<'_>,
    ) -> Result<Vec<String>, Error> {
        let workspace = self.unpacked(archive, Part::Whole).await?;
        let jobs = format!("--jobs={}", self.options.jobs);
        let folder = workspace.folder().to_string_lossy().into_owned();
        self.pg_restore(run, &["--format=directory", &jobs, &folder], None)
            .await
    }

    async fn unpacked(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        part: Part,
    ) -> Result<Workspace, Error> {
        let database = self.conninfo.database();
        let failed = |source: std::io::Error| {
            let kind = match source.kind() {
                std::io::ErrorKind::StorageFull => ErrorKind::NoSpace,
                _ => ErrorKind::Store,
            };
            Error::new("stage the archive of", database, kind, source.to_string())
                .with_source(source)
        };
        let Some(staging) = &self.options.staging else {
            let detail = "it is in the directory format, which needs a staging folder";
            return Err(Error::new(
                "read the archive of",
                database,
                ErrorKind::InvalidInput,
                detail,
            ));
        };
        let workspace = Workspace::make(staging).map_err(failed)?;
        match unpack(archive, workspace.folder(), part).await {
            Ok(()) => Ok(workspace),
            Err(CopyError::Reading(source)) => Err(Error::reading_archive(database, source)),
            Err(CopyError::Writing(source)) => Err(failed(source)),
        }
    }

    /// Returns the harmless complaints.
    pub(super) async fn pg_restore(
        &self,
        run: &Run<'_>,
        arguments: &[&str],
        archive: Option<&mut (dyn AsyncRead + Send + Unpin)>,
    ) -> Result<Vec<String>, Error> {
        let mut command = self.command(run.tool, run.target);
        command
            .args(["--no-password", "--dbname"])
            // The name goes through argv, so it must not be taken for a connection string.
            .arg(dbname_argument(&run.into.database))
            .args(arguments);
        if archive.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = self.spawn(command)?;
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            widen(stdin);
        }
        let (fed, complaints) = tokio::join!(
            async {
                match archive {
                    Some(archive) => feed(archive, stdin).await,
                    None => Ok(()),
                }
            },
            sort(child.stderr.take())
        );
        let status = child
            .wait()
            .await
            .map_err(|source| run.failed(ErrorKind::ToolFailed, &source.to_string()))?;
        fed.map_err(|source| Error::reading_archive(&run.into.database, source))?;
        if !status.success() && !complaints.only_harmless() {
            let reason = self.redact(&complaints.reason());
            return Err(run.failed(ErrorKind::ToolFailed, &reason));
        }
        Ok(complaints.harmless)
    }

    /// Not asked in the live database, which a switch that was cut off may have closed.
    pub(super) async fn server_major(&self) -> Result<u32, Error> {
        let client = match self.maintenance().await {
            // Who only looks at archives need not be let in there.
            Err(error) if error.kind() != ErrorKind::Unreachable => {
                self.session(self.conninfo.database()).await?
            }
            other => other?,
        };
        Ok(self.facts(&client).await?.major)
    }

    pub(super) async fn create_database(&self, into: &Destination) -> Result<(), Error> {
        let name = &into.database;
        if name.is_empty() || name.len() > 63 {
            return Err(Error::new(
                "create the database",
                name,
                ErrorKind::InvalidInput,
                "a name has 1 to 63 bytes",
            ));
        }
        let client = self.alone_with(&[name]).await?;
        if self.make_room(&client, into).await? == Room::Taken {
            return Err(Error::new(
                "create the database",
                name,
                ErrorKind::AlreadyExists,
                "there is one of that name, which no restore made",
            )
            .with_help("drop it, or restore under another name"));
        }
        let failed = |source| refused("create the database", name, source);
        let row = client
            .query_one(LIKE, &[&self.conninfo.database()])
            .await
            .map_err(failed)?;
        let text = |index: usize| row.get::<_, Option<String>>(index);
        // Under the name that was asked for it never stands without its mark, so that one without
        // is somebody else's. Ours is dropped first if a killed run left it.
        let birthplace = birthplace(name);
        if birthplace != *name && Self::known(&client, &birthplace).await?.is_some() {
            self.drop_forcibly(&client, &birthplace).await?;
        }
        let mut sql = format!("CREATE DATABASE {} TEMPLATE template0", ident(&birthplace));
        for (option, value) in [
            (" ENCODING ", text(0)),
            (" LC_COLLATE ", text(1)),
            (" LC_CTYPE ", text(2)),
        ] {
            if let Some(value) = value {
                sql.push_str(option);
                sql.push_str(&literal(&value));
            }
        }
        let (provider, locale) = match text(3).as_deref() {
            Some("i") => (" LOCALE_PROVIDER icu", " ICU_LOCALE "),
            Some("b") => (" LOCALE_PROVIDER builtin", " BUILTIN_LOCALE "),
            _ => ("", ""),
        };
        if let (false, Some(value)) = (provider.is_empty(), text(4)) {
            sql.push_str(provider);
            sql.push_str(locale);
            sql.push_str(&literal(&value));
            if let Some(rules) = text(5) {
                sql.push_str(" ICU_RULES ");
                sql.push_str(&literal(&rules));
            }
        }
        if let Some(space) = text(6).filter(|space| space != "pg_default") {
            sql.push_str(&format!(" TABLESPACE {}", ident(&space)));
        }
        client.batch_execute(&sql).await.map_err(|source| {
            let error = failed(source);
            if error.kind() == ErrorKind::PermissionDenied {
                let user = ident(self.conninfo.user());
                return error.with_help(format!("as an administrator: ALTER ROLE {user} CREATEDB"));
            }
            error
        })?;
        // A copy of production must not be open to whoever may connect by default.
        let sql = format!(
            "COMMENT ON DATABASE {0} IS {1}; REVOKE ALL ON DATABASE {0} FROM PUBLIC",
            ident(&birthplace),
            literal(&into.purpose)
        );
        client.batch_execute(&sql).await.map_err(failed)?;
        if birthplace == *name {
            return Ok(());
        }
        let sql = format!(
            "ALTER DATABASE {} RENAME TO {}",
            ident(&birthplace),
            ident(name)
        );
        client.batch_execute(&sql).await.map_err(failed)
    }

    /// A restored database has no statistics, and the first queries would suffer for it.
    async fn analyze(&self, database: &str) -> Result<(), Error> {
        let client = self.session(database).await?;
        client
            .batch_execute("ANALYZE")
            .await
            .map_err(|source| refused("analyze", database, source))
    }
}

/// What all runs of `pg_restore` for one restore have in common.
pub(super) struct Run<'a> {
    tool: &'a Path,
    target: &'a Conninfo,
    pub(super) into: &'a Destination,
}

impl Run<'_> {
    pub(super) fn failed(&self, kind: ErrorKind, detail: &str) -> Error {
        Error::new("restore into", &self.into.database, kind, detail)
    }
}

/// Writes the archive into the child. One that has read enough, or failed, closes its end; that is
/// told by its status and not here.
async fn feed(
    archive: &mut (dyn AsyncRead + Send + Unpin),
    stdin: Option<ChildStdin>,
) -> std::io::Result<()> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    match copy(archive, &mut stdin).await {
        Err(CopyError::Reading(error)) => return Err(error),
        Err(CopyError::Writing(_)) => {}
        // Closing it tells the child that this is all.
        Ok(()) => drop(stdin.shutdown().await),
    }
    Ok(())
}

async fn sort(stderr: Option<ChildStderr>) -> Complaints {
    let mut complaints = Complaints::default();
    let Some(stderr) = stderr else {
        return complaints;
    };
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        complaints.line(&String::from_utf8_lossy(&line));
    }
    complaints
}

/// libpq takes a name with `=` or `://` in it for a connection string, but not the value of
/// `dbname` inside of one.
fn dbname_argument(database: &str) -> String {
    let escaped = database.replace('\\', "\\\\").replace('\'', "\\'");
    format!("dbname='{escaped}'")
}
