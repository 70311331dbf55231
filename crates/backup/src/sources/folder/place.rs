//! Copies that we make and remove, told from other folders by a marker file beside them. Not
//! inside, where it would be part of the content.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::entries::failed;
use super::facts::shown;
use crate::{Error, ErrorKind};

/// How often a lock is tried.
const POLL: Duration = Duration::from_millis(20);

/// How [`crate::Vault::verified_mark`] begins.
const VERIFIED: &str = "ripcord: verified restore of ";

/// Purposes of folders that may be removed. The one that a switch replaced is not among them.
const REMOVABLE: &[&str] = &[
    "ripcord: scratch copy of ",
    "ripcord: unverified restore of ",
    VERIFIED,
];

/// What a marker file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    pub(super) purpose: String,
    /// Tells the folder from an earlier or a later one of its name.
    pub(super) identity: u64,
    /// Written before a switch begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) switching: Option<Switching>,
}

/// Which folders a switch exchanges, by their inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switching {
    pub(super) old: u64,
    pub(super) new: u64,
}

impl Marker {
    pub(super) fn new(purpose: &str) -> Self {
        Self {
            purpose: purpose.to_owned(),
            identity: rand::random(),
            switching: None,
        }
    }

    /// Whether the folder with this inode is one that a restore made. A switch that was cut off
    /// may have left the old live folder here.
    pub(super) fn is_ours(&self, inode: Option<u64>) -> bool {
        let exchanged = self
            .switching
            .is_some_and(|switching| inode != Some(switching.new));
        !exchanged
            && REMOVABLE
                .iter()
                .any(|known| self.purpose.starts_with(known))
    }
}

/// Where a copy is or will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    marker: PathBuf,
}

/// A place for ourselves, until this is dropped. The system ends it for a run that is killed.
#[derive(Debug)]
pub(super) struct Held {
    place: Place,
    file: File,
}

impl Place {
    /// A name beside `live`, or a path.
    pub(super) fn of(live: &Path, name: &str) -> Result<Self, Error> {
        if name.is_empty() || name.contains('\0') {
            let detail = "it is not the name or the path of a folder";
            return Err(Error::new("use", name, ErrorKind::InvalidInput, detail));
        }
        let parent = live.parent().unwrap_or(Path::new("/"));
        Self::at(parent.join(name))
    }

    /// At this path.
    pub(super) fn at(folder: PathBuf) -> Result<Self, Error> {
        let unusable = || {
            let detail = "it is not the path of a folder";
            Error::new("use", shown(&folder), ErrorKind::InvalidInput, detail)
        };
        let (Some(own), Some(parent)) = (folder.file_name(), folder.parent()) else {
            return Err(unusable());
        };
        let mut file = std::ffi::OsString::from(".");
        file.push(own);
        file.push(".ripcord");
        let marker = parent.join(file);
        Ok(Self { folder, marker })
    }

    /// Whether it would be made inside of this folder, whatever links lead there.
    pub(super) fn is_inside(&self, root: &Path) -> bool {
        let (Some(parent), Some(name)) = (self.folder.parent(), self.folder.file_name()) else {
            return false;
        };
        match (parent.canonicalize(), root.canonicalize()) {
            (Ok(parent), Ok(root)) => parent.join(name).starts_with(root),
            _ => false,
        }
    }

    pub(super) fn exists(&self) -> Result<bool, Error> {
        Ok(self.inode()?.is_some())
    }

    pub(super) fn inode(&self) -> Result<Option<u64>, Error> {
        inode(&self.folder)
    }

    /// What the marker says; one that nobody finished writing says nothing.
    pub(super) fn read(&self) -> Result<Option<Marker>, Error> {
        match std::fs::read(&self.marker) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &self.marker, error)),
        }
    }

    /// Waits for whoever is at work there; `None` when there is no marker.
    pub(super) async fn hold(&self, wait: Duration) -> Result<Option<Held>, Error> {
        match File::open(&self.marker) {
            Ok(file) => self.lock(file, wait).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("open", &self.marker, error)),
        }
    }

    /// The same, making the marker when there is none. It says nothing yet.
    pub(super) async fn claim(&self, wait: Duration) -> Result<Held, Error> {
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&self.marker)
                .map_err(|error| failed("write", &self.marker, error))?;
            if let Some(held) = self.lock(file, wait).await? {
                return Ok(held);
            }
        }
    }

    async fn lock(&self, mut file: File, wait: Duration) -> Result<Option<Held>, Error> {
        let deadline = Instant::now() + wait;
        let unusable = |error| failed("lock", &self.marker, error);
        loop {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    let subject = shown(&self.folder);
                    let detail = "another run is at work on it";
                    return Err(Error::new("take", subject, ErrorKind::Locked, detail));
                }
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
            // Whoever had it may have put another file there, or removed it.
            let own = file.metadata().map_err(unusable)?.ino();
            match inode(&self.marker)? {
                Some(now) if now == own => {
                    let place = self.clone();
                    return Ok(Some(Held { place, file }));
                }
                Some(_) => file = File::open(&self.marker).map_err(unusable)?,
                None => return Ok(None),
            }
        }
    }
}

impl Held {
    /// Replaces what the marker says, durably, and at once or not at all.
    pub(super) fn write(&mut self, marker: &Marker) -> Result<(), Error> {
        let path = &self.place.marker;
        let unusable = |error| failed("write", path, error);
        let text = serde_json::to_vec(marker).map_err(|error| unusable(error.into()))?;
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(unusable)?;
        // Held before anybody can know it.
        file.lock().map_err(unusable)?;
        file.write_all(&text).map_err(unusable)?;
        file.sync_all().map_err(unusable)?;
        std::fs::rename(&new, path).map_err(unusable)?;
        sync_parent(path)?;
        self.file = file;
        Ok(())
    }

    /// Removes the folder, if it is there, and then the marker.
    pub(super) fn remove(self) -> Result<(), Error> {
        remove_folder(&self.place.folder)?;
        self.remove_marker()
    }

    pub(super) fn remove_marker(self) -> Result<(), Error> {
        let path = &self.place.marker;
        match std::fs::remove_file(path) {
            Ok(()) => sync_parent(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("remove", path, error)),
        }
    }
}

/// Removes a folder with everything in it; links are removed and not followed.
pub(super) fn remove_folder(folder: &Path) -> Result<(), Error> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match std::fs::remove_dir_all(folder) {
        Ok(()) => return Ok(()),
        Err(error) if gone(&error) => return Ok(()),
        // Folders that even their owner may not write to.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open_up(folder),
        Err(error) => return Err(failed("remove", folder, error)),
    }
    std::fs::remove_dir_all(folder).map_err(|error| failed("remove", folder, error))
}

/// As far as it goes; what does not is found out by the removal.
fn open_up(folder: &Path) {
    let mut ahead = vec![folder.to_owned()];
    while let Some(folder) = ahead.pop() {
        let all = std::fs::Permissions::from_mode(0o700);
        drop(std::fs::set_permissions(&folder, all));
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                ahead.push(entry.path());
            }
        }
    }
}

pub(super) fn inode(path: &Path) -> Result<Option<u64>, Error> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("look at", path, error)),
    }
}

/// Makes what was done to a name durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("sync", parent, error))
}
