//! The migrations that the releases of a service hold, and what of them is applied.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ripcord_migration_guard::{Layout, ProblemKind, WayBack, Workspace};
use ripcord_rollback::{Error, ErrorKind, Journal, Release};

use super::migrations::of_guard;
use super::ways_back::kept;
use crate::config::{DatabaseConfig, MigrationTool, MigrationsConfig};
use crate::output::Output;
use crate::wiring::ReleaseMigrator;

/// How many releases beside the likely ones are asked what is applied, where only a release's own code can tell.
const ASKED: usize = 3;

/// Finds the migrations of releases in `<root>/releases/<id>/<path>`, and their ways back in the journal.
#[derive(Debug)]
pub(super) struct Releases {
    pub(super) database: DatabaseConfig,
    pub(super) migrations: MigrationsConfig,
    pub(super) root: PathBuf,
    journal: Arc<dyn Journal>,
    output: Arc<Output>,
    /// The release's folder that was used last.
    last: Mutex<Option<PathBuf>>,
}

impl Releases {
    pub(super) const fn new(
        database: DatabaseConfig,
        migrations: MigrationsConfig,
        root: PathBuf,
        journal: Arc<dyn Journal>,
        output: Arc<Output>,
    ) -> Self {
        Self {
            database,
            migrations,
            root,
            journal,
            output,
            last: Mutex::new(None),
        }
    }

    fn folder(&self, release: &Release) -> PathBuf {
        let folder = self.root.join("releases").join(&release.id);
        let folder = folder.join(&self.migrations.path);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(folder.clone());
        folder
    }

    fn at(&self, folder: PathBuf, name: &str) -> ReleaseMigrator {
        ReleaseMigrator::new(&self.database.conninfo, &self.migrations, name, folder)
    }

    /// The migrations of a release, with the ways back that the journal holds.
    pub(super) async fn of(&self, release: &Release, name: &str) -> ReleaseMigrator {
        let ways = self.ways_back().await;
        self.at(self.folder(release), name).keeping(ways)
    }

    /// The same on the way back: what is left of a release whose folder is gone is what the journal holds, beside the
    /// files of another one.
    pub(super) async fn of_owner(&self, owner: &Release, name: &str) -> ReleaseMigrator {
        let mut folder = self.folder(owner);
        if !folder.is_dir()
            && let Some(other) = self.folders().into_iter().next()
        {
            folder = other;
        }
        let ways = self.ways_back().await;
        self.at(folder, name).keeping(ways)
    }

    /// What the journal holds. One that cannot be read must not stop a way back whose files are there.
    pub(super) async fn ways_back(&self) -> Vec<WayBack> {
        if !matches!(self.migrations.tool, MigrationTool::Sql(_)) {
            return Vec::new();
        }
        match self.journal.replay(None).await {
            Ok(records) => kept(&records),
            Err(e) => {
                let why = e.chain();
                self.output
                    .warn(&format!("ways back that were kept are not known: {why}"));
                Vec::new()
            }
        }
    }

    /// The migrations of a release as its files say.
    pub(super) fn alone(&self, release: &Release, name: &str) -> ReleaseMigrator {
        self.at(self.folder(release), name)
    }

    /// The folders of all releases, the likeliest first: the one that was used last, and the one that runs.
    fn folders(&self) -> Vec<PathBuf> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let releases = std::fs::read_dir(self.root.join("releases"));
        let mut others: Vec<PathBuf> = releases
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path().join(&self.migrations.path))
            .collect();
        others.sort();
        others.reverse();
        let likely = last.iter().cloned();
        let likely = likely.chain([self.root.join("current").join(&self.migrations.path)]);
        let mut all: Vec<PathBuf> = Vec::new();
        for folder in likely.chain(others) {
            if folder.is_dir() && !all.contains(&folder) {
                all.push(folder);
            }
        }
        all
    }

    /// What is applied. golang-migrate records only the newest version: which ones come before it is told by the
    /// release that has it. What a framework has applied only the code of a release can tell.
    pub(super) async fn applied(&self) -> Result<Vec<String>, Error> {
        let say = |e| of_guard("read", e);
        let layout = match &self.migrations.tool {
            MigrationTool::Framework(_) => return self.applied_by_code().await,
            MigrationTool::Sql(layout) => *layout,
        };
        let migrator = self.at(PathBuf::new(), "ripcord-plan");
        let recorded = migrator.recorded(&[]).await.map_err(say)?;
        let mut recorded = recorded.unwrap_or_default();
        let golang = layout == Layout::GolangMigrate;
        if let (true, Some(newest)) = (golang, recorded.last().cloned()) {
            for folder in self.folders() {
                let workspace = Workspace::new(folder);
                match layout.read(&workspace) {
                    Ok(files) if files.iter().any(|m| m.version == newest.version) => {
                        let known = migrator.recorded(&files).await.map_err(say)?;
                        recorded = known.unwrap_or_default();
                        break;
                    }
                    _ => {}
                }
            }
        }
        Ok(recorded.into_iter().map(|a| a.version).collect())
    }

    /// Asks the releases one after the other, until one holds everything that is applied.
    async fn applied_by_code(&self) -> Result<Vec<String>, Error> {
        let mut best = Err(Error::new("read", "migrations", ErrorKind::NotFound)
            .because("no release holds a project that could tell what is applied"));
        for folder in self.folders().into_iter().take(2 + ASKED) {
            let status = match self.at(folder, "ripcord-plan").status().await {
                Ok(status) => status,
                Err(e) if best.is_err() => {
                    let e = of_guard("read", e);
                    // Whoever has no code has nothing to say about an absent server either.
                    let away = e.kind() == ErrorKind::Unreachable;
                    best = Err(e);
                    if away {
                        break;
                    }
                    continue;
                }
                Err(_) => continue,
            };
            let mut problems = status.problems.iter();
            let whole = !problems.any(|p| p.kind == ProblemKind::Missing);
            let applied = status.applied.into_iter().map(|a| a.version).collect();
            if whole {
                return Ok(applied);
            }
            if best.is_err() {
                best = Ok(applied);
            }
        }
        best
    }
}
