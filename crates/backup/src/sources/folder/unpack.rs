//! Reading a tar into a new folder, and nowhere else.
//!
//! Every path is opened part by part from the folder itself and no link is followed, so nothing
//! outside is written to, whatever the archive says. Links are made as they were, also those that
//! lead elsewhere, as in every virtual environment of Python.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use tar::EntryType;

use super::entries::failed;
use super::facts::shown;
use super::members::{About, Reading, corrupt, each, inside};
use super::options::Owners;
use super::pipe::Stop;
use crate::Error;

const BUFFER: usize = 64 * 1024;

/// The size of the smallest hole.
const PAGE: usize = 4096;

/// Unpacks an archive into an empty folder, and returns what was left out when it was made.
pub(super) fn unpack(
    from: &mut dyn io::Read,
    into: &Path,
    owners: Owners,
    stop: &Stop,
) -> Result<Vec<String>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = rustix::fs::open(into, flags, Mode::empty())
        .map_err(|error| failed("open", into, error.into()))?;
    let mut unpacker = Unpacker {
        root,
        owners,
        folders: Vec::new(),
        left_out: Vec::new(),
    };
    each(from, stop, |entry| unpacker.entry(entry, stop))?;
    unpacker.finish_folders()?;
    Ok(unpacker.left_out)
}

struct Unpacker {
    root: OwnedFd,
    owners: Owners,
    /// Made so far; mode and time are set last, when nothing is written into them any more.
    folders: Vec<(PathBuf, About)>,
    left_out: Vec<String>,
}

impl Unpacker {
    fn entry(&mut self, entry: &mut Reading<'_, '_>, stop: &Stop) -> Result<(), Error> {
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return self.comments(entry);
        }
        let path = inside(&entry.path_bytes())?;
        let about = About::of(entry)?;
        let refused = |error: Errno| refused(&path, error);
        if kind == EntryType::Directory {
            if let Some((parent, name)) = self.place(&path)? {
                match rustix::fs::mkdirat(&parent, name, Mode::RWXU) {
                    Ok(()) => {}
                    // A folder that is there already gets the later mode.
                    Err(Errno::EXIST) => drop(open_folder(&parent, name).map_err(refused)?),
                    Err(error) => return Err(refused(error)),
                }
            }
            self.folders.push((path, about));
            return Ok(());
        }
        let Some((parent, name)) = self.place(&path)? else {
            return Err(corrupt("it has a file where the folder itself belongs"));
        };
        match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(refused(error)),
        }
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let flags = flags | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&parent, name, flags, Mode::RUSR | Mode::WUSR)
                    .map_err(refused)?;
                let mut file = File::from(file);
                let holes = kind == EntryType::GNUSparse;
                fill(&mut file, entry, holes, &path, stop)?;
                self.dress(&path, &file, about)
            }
            EntryType::Symlink => {
                let to = entry.link_name_bytes();
                let to = to.ok_or_else(|| corrupt("it has a link that leads nowhere"))?;
                rustix::fs::symlinkat(OsStr::from_bytes(&to), &parent, name).map_err(refused)?;
                self.dress_link(&path, &parent, name, about)
            }
            EntryType::Link => {
                let to = entry.link_name_bytes();
                let to = to.ok_or_else(|| corrupt("it has a link that leads nowhere"))?;
                let to = inside(&to)?;
                let Some((other, first)) = self.place(&to)? else {
                    return Err(corrupt("it has a second name for the folder itself"));
                };
                rustix::fs::linkat(&other, first, &parent, name, AtFlags::empty()).map_err(refused)
            }
            _ => Err(corrupt(format!(
                "{} is neither a file nor a folder nor a link",
                shown(&path)
            ))),
        }
    }

    fn comments(&mut self, entry: &mut Reading<'_, '_>) -> Result<(), Error> {
        let mut records = Vec::new();
        entry
            .take(1024 * 1024)
            .read_to_end(&mut records)
            .map_err(corrupt)?;
        for record in tar::PaxExtensions::new(&records).flatten() {
            if let (Ok("comment"), Ok(note)) = (record.key(), record.value()) {
                self.left_out.push(note.to_owned());
            }
        }
        Ok(())
    }

    /// The folder that `path` is in, and its name there; `None` for the root.
    fn place<'p>(&self, path: &'p Path) -> Result<Option<(OwnedFd, &'p OsStr)>, Error> {
        let Some(name) = path.file_name() else {
            return Ok(None);
        };
        let parent = path.parent().unwrap_or(Path::new(""));
        Ok(Some((self.folder(parent)?, name)))
    }

    fn folder(&self, path: &Path) -> Result<OwnedFd, Error> {
        let refused = |error: Errno| refused(path, error);
        let mut folder = self.root.try_clone().map_err(corrupt)?;
        for part in path.components() {
            folder = open_folder(&folder, part.as_os_str()).map_err(refused)?;
        }
        Ok(folder)
    }

    fn finish_folders(&mut self) -> Result<(), Error> {
        for (path, about) in std::mem::take(&mut self.folders).iter().rev() {
            let folder = self.folder(path)?;
            self.dress(path, &folder, *about)?;
        }
        Ok(())
    }

    /// Owner, mode and time, in this order: a new owner takes special bits away.
    fn dress(&self, path: &Path, file: impl AsFd, about: About) -> Result<(), Error> {
        let refused = |error: Errno| refused(path, error);
        if self.owners == Owners::Kept {
            let now = rustix::fs::fstat(&file).map_err(refused)?;
            if (now.st_uid, now.st_gid) != (about.uid, about.gid) {
                let (uid, gid) = about.owner();
                rustix::fs::fchown(&file, uid, gid).map_err(|error| foreign(path, error))?;
            }
        }
        rustix::fs::fchmod(&file, about.mode()).map_err(refused)?;
        rustix::fs::futimens(&file, &about.times()).map_err(refused)
    }

    fn dress_link(
        &self,
        path: &Path,
        parent: &OwnedFd,
        name: &OsStr,
        about: About,
    ) -> Result<(), Error> {
        let refused = |error: Errno| refused(path, error);
        let link = AtFlags::SYMLINK_NOFOLLOW;
        if self.owners == Owners::Kept {
            let now = rustix::fs::statat(parent, name, link).map_err(refused)?;
            if (now.st_uid, now.st_gid) != (about.uid, about.gid) {
                let (uid, gid) = about.owner();
                rustix::fs::chownat(parent, name, uid, gid, link)
                    .map_err(|error| foreign(path, error))?;
            }
        }
        rustix::fs::utimensat(parent, name, &about.times(), link).map_err(refused)
    }
}

fn fill(
    file: &mut File,
    entry: &mut Reading<'_, '_>,
    holes: bool,
    path: &Path,
    stop: &Stop,
) -> Result<(), Error> {
    let write = |error: io::Error| failed("write", path, error);
    let mut buffer = vec![0; BUFFER];
    let size = entry.size();
    loop {
        stop.check().map_err(corrupt)?;
        let mut filled = 0;
        while filled < BUFFER {
            match entry.read(&mut buffer[filled..]).map_err(corrupt)? {
                0 => break,
                count => filled += count,
            }
        }
        let piece = &buffer[..filled];
        if filled == 0 {
            break;
        }
        if !holes {
            file.write_all(piece).map_err(write)?;
            continue;
        }
        for page in piece.chunks(PAGE) {
            if page.iter().all(|byte| *byte == 0) {
                file.seek_relative(page.len() as i64).map_err(write)?;
            } else {
                file.write_all(page).map_err(write)?;
            }
        }
    }
    if holes {
        file.set_len(size).map_err(write)?;
    } else if file.stream_position().map_err(write)? != size {
        return Err(corrupt(format!("{} is cut off", shown(path))));
    }
    Ok(())
}

fn open_folder(parent: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// What is no folder, or a link, where the archive wants to write into a folder, is the archive's
/// fault.
fn refused(path: &Path, error: Errno) -> Error {
    match error {
        Errno::NOTDIR | Errno::LOOP | Errno::ISDIR | Errno::NOENT => corrupt(format!(
            "{} would be written through something that is not a folder in it",
            shown(path)
        )),
        error => failed("unpack", path, error.into()),
    }
}

fn foreign(path: &Path, error: Errno) -> Error {
    failed("give its owner to", path, error.into())
        .with_help("run it as root, or with owners ignored")
}
