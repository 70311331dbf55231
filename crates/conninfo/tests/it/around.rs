//! Surroundings made up for a test.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ripcord_conninfo::Surroundings;

#[derive(Debug, Default)]
pub(crate) struct Around {
    vars: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Around {
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn file(mut self, path: &str, mode: u32, text: &str) -> Self {
        self.files
            .insert(PathBuf::from(path), (mode, text.as_bytes().to_vec()));
        self
    }
}

impl Surroundings for Around {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn mode(&self, path: &Path) -> Option<u32> {
        self.files.get(path).map(|(mode, _)| *mode)
    }

    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/home/me"))
    }

    fn user(&self) -> Option<String> {
        Some("me".to_owned())
    }
}
