use super::keep::Vault;
use super::prove::{compare, expect_readable};
use crate::{
    BackupId, Destination, Error, ErrorKind, Found, Level, Manifest, Progress, RestoreReport,
    Source, Stage,
};

/// A backup that was restored beside the live database, and compared.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// The backup's manifest.
    pub manifest: Manifest,
    /// The database it is in now.
    pub database: String,
    /// What the restore did; `None` when an earlier call had already done it.
    pub report: Option<RestoreReport>,
    /// What differs without counting, such as column order; empty when an earlier call had
    /// already compared it.
    pub notes: Vec<String>,
}

impl Vault {
    /// Restores a backup into a new database beside the live one, and compares its content.
    ///
    /// Called again after a crash it starts over, or compares again when the database carries the
    /// [mark](Vault::verified_mark) of an earlier call; one that a switch has closed by then is as
    /// it was. The live database is not touched, and need not take
    /// connections either; switching is another step, and the source's.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Mismatch`, `KeyMissing`, `AlreadyExists` when a database of that name holds
    /// something else or was made by somebody else, `AlreadyRunning` when another run restores into
    /// it, and those of the source and the store. What this call made is dropped then, and nothing
    /// else; the error's help names what could not be dropped.
    pub async fn restore(
        &self,
        source: &dyn Source,
        id: &BackupId,
        into: &str,
        progress: &dyn Progress,
    ) -> Result<Restored, Error> {
        let manifest = self.unsealed(self.manifest(id).await?).await?;
        expect_readable(source, &manifest)?;
        // Another run would drop what this one makes.
        let _held = source.hold(into).await?;
        let before = source.find(into).await?;
        if before
            .as_ref()
            .is_some_and(|f| f.serves(&Self::verified_mark(id)))
        {
            self.still_the_same(source, &manifest, into, progress)
                .await?;
            return Ok(Restored {
                manifest,
                database: into.to_owned(),
                report: None,
                notes: Vec::new(),
            });
        }
        let unverified = Destination::new(into, Self::unverified_mark(id));
        progress.stage(id, Stage::Restoring);
        let report = match self
            .restore_whole(source, &self.kept(&manifest), &unverified, progress)
            .await
        {
            Ok(report) => Some(report),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
            Err(error) => {
                return Err(self
                    .given_up(source, &unverified, before.as_ref(), error)
                    .await);
            }
        };
        progress.stage(id, Stage::Comparing);
        let found = source.fingerprint_of(into).await?;
        let notes = manifest.fingerprint.notes(&found);
        match compare(id, &manifest.expected(), &found, Level::Content) {
            Ok(()) => {}
            Err(_) if report.is_none() => {
                return Err(Error::new(
                    "restore",
                    format!("backup {id}"),
                    ErrorKind::AlreadyExists,
                    format!("there is a database {into} that holds something else"),
                )
                .with_help("drop it, or restore under another name"));
            }
            Err(error) => {
                return Err(self
                    .given_up(source, &unverified, before.as_ref(), error)
                    .await);
            }
        }
        source.mark(into, &Self::verified_mark(id)).await?;
        Ok(Restored {
            manifest,
            database: into.to_owned(),
            report,
            notes,
        })
    }

    /// The purpose that a database carries while it is restored.
    pub(crate) fn unverified_mark(id: &BackupId) -> String {
        format!("ripcord: unverified restore of backup {id}")
    }

    /// A database that was compared once may have been worked with since.
    async fn still_the_same(
        &self,
        source: &dyn Source,
        manifest: &Manifest,
        into: &str,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        progress.stage(&manifest.id, Stage::Comparing);
        let found = match source.fingerprint_of(into).await {
            Ok(found) => found,
            // A switch that was cut off has closed it: nobody has worked with it.
            Err(error) if error.kind() == ErrorKind::NotAccepting => return Ok(()),
            Err(error) => return Err(error),
        };
        compare(&manifest.id, &manifest.expected(), &found, Level::Content).map_err(|changed| {
            Error::new(
                "restore",
                format!("backup {}", manifest.id),
                ErrorKind::AlreadyExists,
                format!("there is a database {into} that was restored from it and changed since"),
            )
            .with_help("drop it, or restore under another name")
            .with_source(changed)
        })
    }

    /// The purpose that a restored database carries once its content was compared; a switch asks
    /// for it.
    #[must_use]
    pub fn verified_mark(id: &BackupId) -> String {
        format!("ripcord: verified restore of backup {id}")
    }

    /// Drops what this call made, and not what was there before it or is verified by now.
    async fn given_up(
        &self,
        source: &dyn Source,
        made: &Destination,
        before: Option<&Found>,
        error: Error,
    ) -> Error {
        let database = &made.database;
        let dropped = match source.find(database).await {
            Ok(Some(now))
                if now.serves(&made.purpose)
                    && before.is_none_or(|before| before.identity != now.identity) =>
            {
                source.discard(database).await
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        let Err(left) = dropped else {
            return error;
        };
        tracing::warn!(%database, error = %left, "could not drop a failed restore");
        let mut help = error
            .help()
            .map(|help| format!("{help}; "))
            .unwrap_or_default();
        help.push_str(&format!(
            "{database} is left behind (failed to {left}); restoring into it again starts over"
        ));
        if let Some(how) = left.help() {
            help.push_str(&format!("; {how}"));
        }
        error.with_help(help)
    }
}
