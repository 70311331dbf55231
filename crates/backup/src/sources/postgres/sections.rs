//! A restore of one archive in three runs of `pg_restore`: definitions, rows, and what is built
//! upon them. For the first and the last, which may use several sessions, the table of contents is
//! enough; so an archive that comes as a stream is read once.

use std::fs::File;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::child::CopyError;
use super::restore::Run;
use super::source::PostgresSource;
use super::staging::{self, Contents};
use crate::{Error, ErrorKind, Stay};

const DEFINITIONS: &str = "--section=pre-data";
const ROWS: &str = "--section=data";
const UPON_ROWS: &str = "--section=post-data";

impl PostgresSource {
    /// Rows as they come, on one session.
    pub(super) async fn restore_streamed(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        run: &Run<'_>,
    ) -> Result<Vec<String>, Error> {
        let contents = contents(archive, run).await?;
        let table_of_contents = table_of_contents(&contents, run)?;
        let mut whole = std::io::Cursor::new(&contents.head).chain(archive);
        let Some(file) = table_of_contents else {
            return self.pg_restore(run, &[], Some(&mut whole)).await;
        };
        let mut complaints = self.restore_definitions(&file, &contents, run).await?;
        complaints.extend(self.pg_restore(run, &[ROWS], Some(&mut whole)).await?);
        let arguments = [UPON_ROWS, &self.at_once(), &staging::path_of(&file)];
        complaints.extend(self.pg_restore(run, &arguments, None).await?);
        Ok(complaints)
    }

    /// Rows on several sessions, from a file in this folder.
    pub(super) async fn restore_staged(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        folder: &Path,
        run: &Run<'_>,
    ) -> Result<Vec<String>, Error> {
        let contents = contents(archive, run).await?;
        let table_of_contents = table_of_contents(&contents, run)?;
        let mut whole = std::io::Cursor::new(&contents.head).chain(archive);
        let stage = async {
            let staged = staging::on_disk(&mut whole, folder).await;
            staged.map_err(|error| not_staged(error, folder, run))
        };
        let Some(file) = table_of_contents else {
            let file = stage.await?;
            let arguments = [self.at_once(), staging::path_of(&file)];
            let arguments = arguments.each_ref().map(String::as_str);
            return self.pg_restore(run, &arguments, None).await;
        };
        let definitions = self.restore_definitions(&file, &contents, run);
        let (file, mut complaints) = tokio::try_join!(stage, definitions)?;
        let arguments = [ROWS, UPON_ROWS, &self.at_once(), &staging::path_of(&file)];
        complaints.extend(self.pg_restore(run, &arguments, None).await?);
        Ok(complaints)
    }

    async fn restore_definitions(
        &self,
        table_of_contents: &File,
        contents: &Contents,
        run: &Run<'_>,
    ) -> Result<Vec<String>, Error> {
        let arguments = [DEFINITIONS, &staging::path_of(table_of_contents)];
        let complaints = self.pg_restore(run, &arguments, None).await?;
        if run.into.stay == Stay::Brief {
            self.without_log(run.into, &contents.must_be_logged).await?;
        }
        Ok(complaints)
    }

    fn at_once(&self) -> String {
        format!("--jobs={}", self.options.jobs)
    }
}

async fn contents(
    archive: &mut (dyn AsyncRead + Send + Unpin),
    run: &Run<'_>,
) -> Result<Contents, Error> {
    staging::contents(archive)
        .await
        .map_err(|source| Error::reading_archive(&run.into.database, source))
}

/// As a file, if it could be told where it ends.
fn table_of_contents(contents: &Contents, run: &Run<'_>) -> Result<Option<File>, Error> {
    contents
        .length
        .map(|length| {
            staging::in_memory(&contents.head[..length])
                .map_err(|source| run.failed(ErrorKind::Server, &source.to_string()))
        })
        .transpose()
}

fn not_staged(error: CopyError, folder: &Path, run: &Run<'_>) -> Error {
    match error {
        CopyError::Reading(source) => Error::reading_archive(&run.into.database, source),
        CopyError::Writing(source) => {
            let kind = match source.kind() {
                std::io::ErrorKind::StorageFull => ErrorKind::NoSpace,
                _ => ErrorKind::Store,
            };
            let subject = format!("the archive in {}", folder.display());
            Error::new("stage", subject, kind, source.to_string()).with_source(source)
        }
    }
}
