//! What is in a store's folder, without following links.

use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path as FsPath, PathBuf};

use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, Result};

use super::staging::is_staged;
use super::{guard, io_error};

/// All files below `prefix`, sorted. Links, pipes and devices are none.
pub(super) fn files(root: &FsPath, prefix: &Path) -> Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let mut ahead = vec![prefix.clone()];
    while let Some(folder) = ahead.pop() {
        for (location, entry) in entries(root, &folder)? {
            let kind = entry.file_type().map_err(io_error)?;
            if kind.is_dir() {
                ahead.push(location);
            } else if kind.is_file() {
                found.extend(meta(location, &entry)?);
            }
        }
    }
    found.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(found)
}

/// The folders right below `prefix`, and as objects everything else, whatever it is.
pub(super) fn level(root: &FsPath, prefix: &Path) -> Result<ListResult> {
    let (mut common_prefixes, mut objects) = (Vec::new(), Vec::new());
    for (location, entry) in entries(root, prefix)? {
        if entry.file_type().map_err(io_error)?.is_dir() {
            common_prefixes.push(location);
        } else {
            objects.extend(meta(location, &entry)?);
        }
    }
    common_prefixes.sort();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(ListResult {
        common_prefixes,
        objects,
        extensions: Default::default(),
    })
}

fn entries(root: &FsPath, folder: &Path) -> Result<Vec<(Path, DirEntry)>> {
    let at: PathBuf = root.join(folder.as_ref());
    // The folder itself must not be a link either.
    guard::expect_folders(root, &at.join("in it"))?;
    let read = match at.read_dir() {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(error)),
    };
    let mut found = Vec::new();
    for entry in read {
        let entry = entry.map_err(io_error)?;
        let name = entry.file_name();
        // A name that the store could not have given is not ours.
        let Some(name) = name.to_str().filter(|name| !is_staged(name)) else {
            continue;
        };
        let whole = match folder.as_ref() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        if let Ok(location) = Path::parse(whole) {
            found.push((location, entry));
        }
    }
    Ok(found)
}

/// `None` when it is gone by now.
fn meta(location: Path, entry: &DirEntry) -> Result<Option<ObjectMeta>> {
    let meta = match entry.metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    Ok(Some(ObjectMeta {
        location,
        last_modified: meta.modified().map_err(io_error)?.into(),
        size: meta.len(),
        e_tag: None,
        version: None,
    }))
}
