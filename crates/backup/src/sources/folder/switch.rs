//! A restored folder takes the place of the live one.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::entries::failed;
use super::facts::shown;
use super::pipe::blocking;
use super::place::{Held, Marker, Place, Switching, sync_parent};
use super::source::{FolderSource, refused};
use crate::{BackupId, Error, ErrorKind, Vault};

/// What a switch of folders did.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSwitched {
    /// Where the old folder is now.
    pub kept: PathBuf,
    /// An earlier call had already done it; this one only made sure.
    pub already: bool,
}

/// The folders of a switch.
struct Places {
    live: PathBuf,
    restored: Place,
    kept: Place,
    kept_mark: String,
}

impl FolderSource {
    /// Puts a folder that [`Vault::restore`] made from `backup`, and compared, in the place of
    /// the live one, and keeps the old one under its name with the backup's date.
    ///
    /// Both are exchanged in one step where the file system can do that; elsewhere there is a
    /// moment without a live folder. What has files of the old one open goes on using them: stop
    /// it before, or start it anew. Called again after a crash it finishes, or says that it is
    /// done.
    ///
    /// # Errors
    /// `NotFound` and `Conflict` when there is no verified restore of this backup;
    /// `AlreadyExists` when something has the name under which the old folder would be kept;
    /// `Locked`, `InUse` (it is a mount point), `PermissionDenied`, `Server`.
    pub async fn switch(&self, restored: &str, backup: &BackupId) -> Result<FolderSwitched, Error> {
        let places = self.places(restored, backup)?;
        let wait = self.options.lock_wait_timeout;
        let verified = Vault::verified_mark(backup);
        let held = places.restored.hold(wait).await?;
        if let Some(already) = places.done(held.is_some())? {
            return Ok(already);
        }
        let Some(held) = held else {
            let kind = match places.restored.exists()? {
                true => ErrorKind::Conflict,
                false => ErrorKind::NotFound,
            };
            let detail = "there is no verified restore of this backup";
            return Err(refused(&places.restored, kind, detail));
        };
        let marker = places.restored.read()?.filter(|m| m.purpose == verified);
        let Some(marker) = marker else {
            let detail = "it is not a verified restore of this backup";
            return Err(refused(&places.restored, ErrorKind::Conflict, detail));
        };
        let kept = places.kept.claim(wait).await?;
        blocking(move |_| places.switch(held, kept, marker)).await
    }

    /// Whether this switch was already made.
    ///
    /// # Errors
    /// `Locked`, `PermissionDenied`, `Server`.
    pub async fn switched(&self, restored: &str, backup: &BackupId) -> Result<bool, Error> {
        let places = self.places(restored, backup)?;
        let held = places.restored.hold(self.options.lock_wait_timeout).await?;
        Ok(places.done(held.is_some())?.is_some())
    }

    fn places(&self, restored: &str, backup: &BackupId) -> Result<Places, Error> {
        let name = self.root.file_name().unwrap_or_default();
        let mut kept = name.to_owned();
        kept.push(format!("_before_{}", backup.as_str().to_lowercase()));
        let kept = self.root.with_file_name(kept);
        Ok(Places {
            live: self.root.clone(),
            restored: self.place(restored)?,
            kept: Place::at(kept)?,
            kept_mark: format!("ripcord: kept, replaced by a restore of backup {backup}"),
        })
    }
}

impl Places {
    /// The answer when nothing is left to do. The restored folder's marker goes last.
    fn done(&self, restored_is_marked: bool) -> Result<Option<FolderSwitched>, Error> {
        let marked = self
            .kept
            .read()?
            .is_some_and(|m| m.purpose == self.kept_mark);
        let done = !restored_is_marked && marked && self.kept.exists()?;
        Ok(done.then(|| self.switched(true)))
    }

    fn switched(&self, already: bool) -> FolderSwitched {
        FolderSwitched {
            kept: self.kept.folder.clone(),
            already,
        }
    }

    /// From wherever an earlier call was cut off. Which folder is which, the inodes say.
    fn switch(
        self,
        mut restored_marker: Held,
        mut kept_marker: Held,
        marker: Marker,
    ) -> Result<FolderSwitched, Error> {
        let live = super::place::inode(&self.live)?;
        let restored = self.restored.inode()?;
        let plan = match (marker.switching, live, restored) {
            (Some(plan), ..) => plan,
            (None, Some(old), Some(new)) => {
                if self.kept.exists()? {
                    if self.kept.read()?.is_none() {
                        // Only just made by us.
                        kept_marker.remove_marker()?;
                    }
                    let detail = "something has the name under which the old folder would be kept";
                    return Err(refused(&self.kept, ErrorKind::AlreadyExists, detail));
                }
                kept_marker.write(&Marker::new(&self.kept_mark))?;
                let plan = Switching { old, new };
                restored_marker.write(&Marker {
                    switching: Some(plan),
                    ..marker
                })?;
                plan
            }
            (None, ..) => {
                let detail = "it or the live folder is not there";
                return Err(refused(&self.restored, ErrorKind::NotFound, detail));
            }
        };
        let kept = self.kept.inode()?;
        let (old, new) = (Some(plan.old), Some(plan.new));
        match (live, restored, kept) {
            (live, restored, None) if live == old && restored == new => {
                self.exchange()?;
            }
            (live, restored, None) if live == new && restored == old => {
                rename(&self.restored.folder, &self.kept.folder)?;
            }
            (None, restored, kept) if restored == new && kept == old => {
                rename(&self.restored.folder, &self.live)?;
            }
            (live, None, kept) if live == new && kept == old => {}
            _ => {
                let detail = "neither before nor after a switch would the folders look like this";
                return Err(refused(&self.restored, ErrorKind::Conflict, detail));
            }
        }
        restored_marker.remove_marker()?;
        Ok(self.switched(false))
    }

    fn exchange(&self) -> Result<(), Error> {
        let (live, restored) = (&self.live, &self.restored.folder);
        match rustix::fs::renameat_with(CWD, restored, CWD, live, RenameFlags::EXCHANGE) {
            Ok(()) => {
                sync_parent(live)?;
                rename(restored, &self.kept.folder)
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rename(live, &self.kept.folder)?;
                rename(restored, live)
            }
            Err(error) => Err(cannot_move(restored, error)),
        }
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            // Nothing is there, as we have just seen, and a folder that is not empty is not
            // replaced in any case.
            rustix::fs::rename(from, to).map_err(|error| cannot_move(from, error))?;
        }
        other => other.map_err(|error| cannot_move(from, error))?,
    }
    sync_parent(from)?;
    sync_parent(to)
}

fn cannot_move(path: &Path, error: Errno) -> Error {
    if error == Errno::XDEV {
        let detail = "it is on another file system than the live folder";
        return Error::new("move", shown(path), ErrorKind::Conflict, detail)
            .with_help("restore to a name beside the live folder");
    }
    failed("move", path, error.into())
}
