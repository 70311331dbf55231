//! The ways back of what is applied, in a file: one JSON document a line.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use ripcord_migration_guard::WayBack;

#[derive(Clone, Debug)]
pub(crate) struct WaysBack {
    file: PathBuf,
}

impl WaysBack {
    pub(crate) fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// All that were kept; none while there is no file.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<WayBack>> {
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
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

    pub(crate) fn keep(&self, way: &WayBack) -> anyhow::Result<()> {
        let mut ways = self.read()?;
        ways.retain(|kept| kept.version != way.version);
        ways.push(way.clone());
        self.write(&ways)
    }

    /// A version that was taken back must not count as applied later.
    pub(crate) fn forget(&self, version: &str) -> anyhow::Result<()> {
        let mut ways = self.read()?;
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
