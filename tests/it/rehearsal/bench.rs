use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Call, Pg, Said};

/// A database with a release v1 that fits it, and a release v2 with migrations to try.
#[derive(Debug)]
pub(crate) struct Bench {
    temp: TempDir,
    pub(crate) pg: Pg,
}

impl Bench {
    /// With `base` as the first migration; `None` where there is no server.
    pub(crate) fn new(base: &str, more: &str) -> Option<Self> {
        Some(Self::on(Pg::new()?, base, more))
    }

    /// The same with a database that is there.
    pub(crate) fn on(pg: Pg, base: &str, more: &str) -> Self {
        let bench = Self {
            temp: tempfile::tempdir().unwrap(),
            pg,
        };
        // The scratch server's account has to get there.
        fs::set_permissions(bench.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        let config = CONFIG.replace("URL", &bench.pg.url);
        fs::write(
            bench.folder().join("ripcord.toml"),
            format!("{config}\n{more}"),
        )
        .unwrap();
        for release in ["v1", "v2"] {
            bench.migration(release, 1, base, Some("SELECT 1;\n"));
        }
        symlink("releases/v1", bench.folder().join("site/current")).unwrap();
        let ran = bench.run(&["migration", "run", "--release", "v1"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        bench
    }

    /// Changes the configuration.
    pub(crate) fn edit(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder().join("ripcord.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, change(text)).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn release(&self, id: &str) -> PathBuf {
        self.folder().join("site/releases").join(id)
    }

    pub(crate) fn migration(&self, release: &str, version: usize, up: &str, down: Option<&str>) {
        let folder = self.release(release).join("migrations");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{version}_case.up.sql")), up).unwrap();
        if let Some(down) = down {
            fs::write(folder.join(format!("{version}_case.down.sql")), down).unwrap();
        }
    }

    pub(crate) fn file(&self, release: &str, name: &str, text: &str) {
        let path = self.release(release).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn call(&self, words: &[&str]) -> Call {
        Call::new(self.folder(), words)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        self.call(words).run()
    }

    pub(crate) fn back_up(&self) {
        let made = self.run(&["backup", "create"]);
        assert_eq!(made.code, Some(0), "{made:?}");
    }

    /// What scratch servers have left behind.
    pub(crate) fn left_over(&self) -> Vec<String> {
        fs::read_dir(self.folder().join("rehearsal"))
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

const CONFIG: &str = r#"version = 1
service = "bench"
[release]
backend = "directory"
root = "site"
[release.service]
manager = "command"
start = ["true"]
stop = ["true"]
[[check]]
name = "ok"
kind = "command"
run = ["true"]
[gate.post]
checks = ["ok"]
attempts = 1
rise = 1
[database]
kind = "postgres"
url = "URL"
[backup]
store = "file://backups"
[journal]
url = "sqlite://journal.db"
[observe]
bake = "0s"
"#;
