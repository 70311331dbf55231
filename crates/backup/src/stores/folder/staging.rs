//! Files on their way into a store's folder. Each is written as `name#digits` and locked as long as
//! somebody writes it, so that what a killed process left is told from what another is at work on.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use object_store::{PutPayload, Result};

use super::{guard, io_error};

/// How often a file is begun again because somebody swept it away before it was locked.
const ATTEMPTS: usize = 10;

/// What to do with a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Refuse,
    Replace,
}

/// Whether a name is one of a file on its way.
pub(super) fn is_staged(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Writes a file, all of it or nothing, durably and readable by its owner only.
pub(super) fn put(
    root: &Path,
    file: &Path,
    payload: &PutPayload,
    existing: Existing,
) -> Result<()> {
    guard::expect_file(root, file)?;
    let (staged, mut held) = begin(root, file).map_err(io_error)?;
    let written = payload
        .iter()
        .try_for_each(|bytes| held.write_all(bytes))
        .and_then(|()| held.sync_all());
    let done = match (written, existing) {
        (Err(error), _) => Err(io_error(error)),
        (Ok(()), Existing::Replace) => std::fs::rename(&staged, file).map_err(io_error),
        (Ok(()), Existing::Refuse) => std::fs::hard_link(&staged, file).map_err(|error| {
            let path = file.display().to_string();
            match error.kind() {
                ErrorKind::AlreadyExists => object_store::Error::AlreadyExists {
                    path,
                    source: Box::new(error),
                },
                _ => io_error(error),
            }
        }),
    };
    if done.is_err() || existing == Existing::Refuse {
        // What is left is removed with the rest; it holds nothing that is not in the file itself.
        drop(std::fs::remove_file(&staged));
    }
    done?;
    sync_folder(file).map_err(io_error)
}

/// A new file beside `file`, locked.
fn begin(root: &Path, file: &Path) -> io::Result<(PathBuf, File)> {
    for _ in 0..ATTEMPTS {
        make_parents(root, file)?;
        let mut staged = file.as_os_str().to_owned();
        staged.push(format!("#{}", rand::random::<u64>()));
        let staged = PathBuf::from(staged);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&staged);
        let held = match opened {
            Ok(held) => held,
            // The folder was empty and somebody tidied it away.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // A file system without locks has nobody who could take this one either.
        let swept = matches!(held.try_lock(), Err(TryLockError::WouldBlock));
        let there = staged.symlink_metadata().map(|meta| meta.ino());
        if !swept && there.ok() == Some(held.metadata()?.ino()) {
            return Ok((staged, held));
        }
    }
    Err(io::Error::other("somebody removes what is being written"))
}

/// Makes the folders on the way to a file, durably, and keeps others out of them.
pub(super) fn make_parents(root: &Path, file: &Path) -> io::Result<()> {
    let Some(parent) = file.parent().filter(|parent| *parent != root) else {
        return Ok(());
    };
    if parent.is_dir() {
        return Ok(());
    }
    make_parents(root, parent)?;
    match DirBuilder::new().mode(0o700).create(parent) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The files `name#1` and so on, that hold a file until it is complete.
pub(super) fn staged(file: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(parent), Some(name)) = (file.parent(), file.file_name().and_then(|n| n.to_str()))
    else {
        return Ok(Vec::new());
    };
    let mut found = all_staged(parent)?;
    found.retain(|path| {
        let own = path.file_name().and_then(|n| n.to_str());
        own.and_then(|own| own.split_once('#'))
            .is_some_and(|(of, _)| of == name)
    });
    Ok(found)
}

fn all_staged(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(entries
        .flatten()
        .filter(|entry| {
            entry.file_type().is_ok_and(|kind| kind.is_file())
                && entry.file_name().to_str().is_some_and(is_staged)
        })
        .map(|entry| entry.path())
        .collect())
}

/// Says that somebody writes the file, until this is dropped.
pub(super) fn hold(staged: &Path) -> Option<File> {
    let file = File::open(staged).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Removes what killed processes left half-written in a folder, and the folder if it is empty then.
pub(super) fn clear(root: &Path, folder: &Path) -> io::Result<()> {
    for left in all_staged(folder)? {
        if let Some(_held) = hold(&left) {
            std::fs::remove_file(&left)?;
        }
    }
    if folder == root {
        return Ok(());
    }
    match std::fs::remove_dir(folder) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Makes a new name durable.
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
