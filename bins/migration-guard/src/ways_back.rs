//! The ways back of what is applied, in a file: one JSON document a line.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use ripcord_migration_guard::WayBack;

/// More than all ways back of any project.
const MOST: u64 = 256 << 20;

/// What it means that the file is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing has been kept yet: it is made when something is.
    Empty,
    /// A mistake: what is asked for is in it.
    Wrong,
}

#[derive(Clone, Debug)]
pub(crate) struct WaysBack {
    file: PathBuf,
}

impl WaysBack {
    pub(crate) fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// All that were kept.
    pub(crate) fn read(&self, absent: Absent) -> anyhow::Result<Vec<WayBack>> {
        let text = match self.text() {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && absent == Absent::Empty => {
                return Ok(Vec::new());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("read {}", self.file.display()));
            }
        };
        let lines = text.lines().enumerate();
        let ways = lines.map(|(at, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("read {}:{}", self.file.display(), at + 1))
        });
        ways.collect()
    }

    fn text(&self) -> std::io::Result<String> {
        let about = std::fs::metadata(&self.file)?;
        // A device or a pipe may have no end.
        if !about.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        if about.len() > MOST {
            let most = MOST >> 20;
            return Err(std::io::Error::other(format!(
                "it is larger than {most} MiB"
            )));
        }
        std::fs::read_to_string(&self.file)
    }

    pub(crate) fn keep(&self, way: &WayBack) -> anyhow::Result<()> {
        let mut ways = self.read(Absent::Empty)?;
        ways.retain(|kept| kept.version != way.version);
        ways.push(way.clone());
        self.write(&ways)
    }

    /// A version that was taken back must not count as applied later.
    pub(crate) fn forget(&self, version: &str) -> anyhow::Result<()> {
        let mut ways = self.read(Absent::Empty)?;
        let before = ways.len();
        ways.retain(|kept| kept.version != version);
        if ways.len() == before {
            return Ok(());
        }
        self.write(&ways)
    }

    /// Beside it first: a full disk leaves what was there.
    fn write(&self, ways: &[WayBack]) -> anyhow::Result<()> {
        let mut beside = self.file.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let write = || -> anyhow::Result<()> {
            let mut out = std::fs::File::create(&beside)?;
            for way in ways {
                writeln!(out, "{}", serde_json::to_string(way)?)?;
            }
            out.sync_all()?;
            std::fs::rename(&beside, &self.file)?;
            Ok(())
        };
        write().with_context(|| format!("write {}", self.file.display()))
    }
}
