use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use async_trait::async_trait;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::entries::failed;
use super::facts::shown;
use super::members::count;
use super::options::FolderOptions;
use super::pack::Packer;
use super::pipe::{Stop, blocking, read_through, write_through};
use super::place::{Marker, Place, sync_parent};
use super::scan::Scan;
use super::unpack::unpack;
use crate::{
    Destination, Error, ErrorKind, Fingerprint, Format, Found, RestoreReport, ServerFacts,
    Snapshot, Source, Stay,
};

/// A folder of files, such as an application's uploads or its release.
///
/// The archive is a tar that any program unpacks: modes, owners, times, links, second names and
/// holes are kept; sockets, pipes and devices are left out, which a restore's report says;
/// extended attributes are not kept. A file that changes while it is read is read again, and when
/// it goes on changing the dump fails. There is no snapshot over several files: stop writers, or
/// dump from a file system's snapshot, where that matters.
///
/// A "database" is a folder here: a name beside the live one, or a path. Each copy has a file
/// `.<name>.ripcord` beside it, which says what it is for.
#[derive(Clone, Debug)]
pub struct FolderSource {
    pub(super) root: PathBuf,
    pub(super) options: FolderOptions,
    exclude: GlobSet,
    label: String,
}

impl FolderSource {
    /// The folder at this absolute path, which may come into being later.
    ///
    /// # Errors
    /// `InvalidInput` when the path is not absolute or a pattern is none.
    pub fn new(root: impl Into<PathBuf>, options: FolderOptions) -> Result<Self, Error> {
        let root: PathBuf = root.into();
        let unusable =
            |detail: String| Error::new("use", shown(&root), ErrorKind::InvalidInput, detail);
        if !root.is_absolute() || root.file_name().is_none() {
            return Err(unusable(
                "it is not an absolute path of a folder".to_owned(),
            ));
        }
        let mut exclude = GlobSetBuilder::new();
        for pattern in &options.exclude {
            let glob = GlobBuilder::new(pattern.trim_end_matches('/'))
                .literal_separator(true)
                .build()
                .map_err(|error| unusable(error.to_string()))?;
            exclude.add(glob);
        }
        let exclude = exclude
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let label = format!("{}:{}", host(), shown(&root));
        Ok(Self {
            root,
            options,
            exclude,
            label,
        })
    }

    /// Whether a path below the folder, or a folder on the way to it, is left out.
    pub(super) fn leaves_out(&self, below: &Path) -> bool {
        below.ancestors().any(|part| self.exclude.is_match(part))
    }

    fn scan(&self) -> Scan {
        Scan {
            root: self.root.clone(),
            exclude: self.exclude.clone(),
            owners: self.options.owners,
        }
    }

    pub(super) fn place(&self, name: &str) -> Result<Place, Error> {
        Place::of(&self.root, name)
    }

    fn facts(&self, started: Timestamp) -> ServerFacts {
        let name = self.root.file_name().unwrap_or_default();
        ServerFacts {
            version: host(),
            tool: "tar".to_owned(),
            system_identifier: read("/etc/machine-id"),
            database: shown(Path::new(name)),
            database_oid: 0,
            lsn: None,
            started,
            finished: Timestamp::now(),
        }
    }
}

#[async_trait]
impl Source for FolderSource {
    fn name(&self) -> &str {
        &self.label
    }

    fn format(&self) -> Format {
        Format::Folder
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        let started = Timestamp::now();
        let scan = self.scan();
        let root = self.root.clone();
        let fingerprint = write_through(sink, &shown(&self.root), move |stop, outgoing| {
            let mut packer = Packer::new(outgoing);
            let fingerprint = scan.pack(stop, &mut packer)?;
            packer
                .finish()
                .map_err(|error| failed("store", &root, error))?;
            Ok(fingerprint)
        })
        .await?;
        Ok(Snapshot::new(fingerprint, self.facts(started)))
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        read_through(archive, &shown(&self.root), |stop, incoming| {
            count(incoming, stop)
        })
        .await
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        let begun = Instant::now();
        let place = self.place(&into.database)?;
        let taken = || {
            Error::new(
                "create",
                shown(&place.folder),
                ErrorKind::AlreadyExists,
                "there is one of that name",
            )
        };
        if place.folder == self.root {
            return Err(taken());
        }
        if place.is_inside(&self.root) {
            return Err(Error::new(
                "create",
                shown(&place.folder),
                ErrorKind::InvalidInput,
                "it is inside of the live folder",
            ));
        }
        let marked = place.read()?;
        if marked.is_none() && place.exists()? {
            return Err(taken());
        }
        let mut held = place.claim(self.options.lock_wait_timeout).await?;
        let there = place.exists()?;
        match place.read()? {
            Some(marker) if there && marker.purpose != into.purpose => return Err(taken()),
            None if there => {
                // It came while we were asking; nobody wrote into the marker that we made.
                held.remove_marker()?;
                return Err(taken());
            }
            _ => {}
        }
        // First of all, so that no folder of ours is ever without one.
        held.write(&Marker::new(&into.purpose))?;
        let owners = self.options.owners;
        let (folder, stay) = (place.folder.clone(), into.stay);
        let harmless = read_through(archive, &into.database, move |stop, incoming| {
            // Kept until the work has really ended, also when nobody waits for it any more.
            let _held = held;
            super::place::remove_folder(&folder)?;
            make(&folder)?;
            let left_out = unpack(incoming, &folder, owners, stop)?;
            if stay == Stay::Long {
                sync(&folder)?;
            }
            Ok(left_out)
        })
        .await?;
        Ok(RestoreReport::new(begun.elapsed(), harmless))
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        let scan = self.scan();
        blocking(move |stop| scan.fingerprint(stop)).await
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        let scan = Scan {
            root: self.place(database)?.folder,
            // What was left out of the archive is not there, and what is there counts.
            exclude: GlobSet::empty(),
            owners: self.options.owners,
        };
        blocking(move |stop: &Stop| scan.fingerprint(stop)).await
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        let place = self.place(database)?;
        let _held = place.hold(self.options.lock_wait_timeout).await?;
        let Some(inode) = place.inode()? else {
            return Ok(None);
        };
        Ok(Some(match place.read()? {
            Some(marker) => Found::new(marker.identity, Some(marker.purpose)),
            None => Found::new(inode, None),
        }))
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        let place = self.place(database)?;
        let held = place.hold(self.options.lock_wait_timeout).await?;
        let inode = place.inode()?;
        match (held, place.read()?) {
            (Some(mut held), Some(marker)) if inode.is_some() && marker.is_ours(inode) => {
                let purpose = purpose.to_owned();
                held.write(&Marker { purpose, ..marker })
            }
            _ if inode.is_none() => {
                let detail = "there is no such folder";
                Err(refused(&place, ErrorKind::NotFound, detail))
            }
            _ => Err(not_ours(&place)),
        }
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        let place = self.place(database)?;
        let held = place.hold(self.options.lock_wait_timeout).await?;
        let inode = place.inode()?;
        match (held, place.read()?) {
            (Some(held), None) if inode.is_none() => held.remove_marker(),
            (Some(held), Some(marker)) if marker.is_ours(inode) => {
                blocking(move |_| held.remove()).await
            }
            _ if inode.is_none() => Ok(()),
            _ => Err(not_ours(&place)),
        }
    }
}

fn not_ours(place: &Place) -> Error {
    let detail = "it is not one that a restore made, so it is left alone";
    refused(place, ErrorKind::Conflict, detail)
}

pub(super) fn refused(place: &Place, kind: ErrorKind, detail: &str) -> Error {
    Error::new("take", shown(&place.folder), kind, detail)
}

/// Nobody else looks into it before it has its own mode.
fn make(folder: &Path) -> Result<(), Error> {
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed("create", folder, error))
}

/// Everything in it; one call for the whole file system is cheaper than one for each file.
fn sync(folder: &Path) -> Result<(), Error> {
    let unsynced = |error| failed("sync", folder, error);
    let opened = File::open(folder).map_err(unsynced)?;
    rustix::fs::syncfs(&opened).map_err(|error| unsynced(error.into()))?;
    sync_parent(folder)
}

fn host() -> String {
    read("/proc/sys/kernel/hostname").unwrap_or_else(|| "localhost".to_owned())
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
