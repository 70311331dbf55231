use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use ripcord_conninfo::{Conninfo, Nothing};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Call, Pg, Said, Seen, processes, program, until};

/// The real shop with its releases and a database of its own, 2,000 orders in it, v2 running.
#[derive(Debug)]
pub(crate) struct Shop {
    temp: TempDir,
    pub(crate) pg: Pg,
    address: String,
}

impl Shop {
    pub(crate) fn new() -> Option<Self> {
        let pg = Pg::new()?;
        let temp = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let shop = Self { temp, pg, address };
        for entry in fs::read_dir(source.join("releases")).unwrap().flatten() {
            let target = shop.release(&entry.file_name().to_string_lossy());
            copy(&entry.path(), &target);
            symlink(program("shop"), target.join("shop")).unwrap();
        }
        let config = fs::read_to_string(source.join("ripcord.toml")).unwrap();
        shop.put(&config.replace("bake = \"2s\"", "bake = \"300ms\""));
        shop.expect(&["migration", "run", "--release", "v1"], 0);
        shop.pg.sql("INSERT INTO orders (item, note) SELECT 'seed-' || g, 'note ' || g FROM generate_series(1, 2000) g");
        shop.expect(&["deploy", "v1"], 0);
        shop.expect(&["deploy", "v2"], 0);
        Some(shop)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder().join("journal/journal.db")
    }

    pub(crate) fn release(&self, id: &str) -> PathBuf {
        self.folder().join("site/releases").join(id)
    }

    /// A further release: v2's program and migrations.
    pub(crate) fn release_like_v2(&self, id: &str) -> PathBuf {
        let folder = self.release(id);
        copy(&self.release("v2"), &folder);
        fs::write(
            folder.join("release.json"),
            format!("{{\"release\": \"{id}\"}}"),
        )
        .unwrap();
        folder
    }

    /// The same with one more migration.
    pub(crate) fn release_with(&self, id: &str, migration: &str, up: &str, down: Option<&str>) {
        let folder = self.release_like_v2(id);
        fs::write(folder.join(format!("migrations/{migration}.up.sql")), up).unwrap();
        if let Some(down) = down {
            fs::write(
                folder.join(format!("migrations/{migration}.down.sql")),
                down,
            )
            .unwrap();
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.folder().join("ripcord.toml")).unwrap()
    }

    pub(crate) fn put(&self, config: &str) {
        fs::write(self.folder().join("ripcord.toml"), config).unwrap();
    }

    pub(crate) fn call(&self, words: &[&str]) -> Call {
        Call::new(self.folder(), words)
            .env("DATABASE_URL", &self.pg.url)
            .env("SHOP_ADDRESS", &self.address)
            .env(
                "SHOP_READY_URL",
                format!("http://{}/health/ready", self.address),
            )
            .env(
                "SHOP_ORDER_URL",
                format!("http://{}/orders/1", self.address),
            )
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        self.call(words).run()
    }

    #[track_caller]
    pub(crate) fn expect(&self, words: &[&str], code: i32) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:#?}");
        said
    }

    /// The release that answers, from the service's own header.
    pub(crate) fn serving(&self) -> String {
        let status = self.run(&["status", "--json"]).json();
        status["running"]["release"]
            .as_str()
            .unwrap_or("nobody")
            .to_owned()
    }

    /// Number and hash of the seeded orders.
    pub(crate) fn seeded(&self) -> String {
        let hash = "SELECT count(*) || ' ' || md5(string_agg(md5(id || item || coalesce(note, '')), '' ORDER BY id))
                    FROM orders WHERE id <= 2000";
        self.pg.sql(hash).remove(0)
    }

    /// The schema as pg_dump writes it: a second opinion beside our own fingerprint.
    pub(crate) fn schema(&self) -> String {
        let done = Command::new("pg_dump")
            .args(["--schema-only", "--no-owner"])
            .envs(Conninfo::parse(&self.pg.url, &Nothing).unwrap().libpq_env())
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let text = String::from_utf8_lossy(&done.stdout);
        // Newer ones write a random key.
        let lines = text.lines().filter(|l| !l.contains("restrict"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Every process that has to do with this shop.
    pub(crate) fn everything(&self) -> Vec<Seen> {
        let folder = self.folder();
        processes()
            .into_iter()
            .filter(|p| {
                p.cwd.as_ref().is_some_and(|cwd| cwd.starts_with(folder))
                    || p.argv.contains(&self.pg.name)
                    || p.vars
                        .get("RIPCORD_SERVICE")
                        .is_some_and(|s| s.contains(&*folder.to_string_lossy()))
            })
            .collect()
    }

    /// Exactly the service is left of all processes, no session on the server, no lease, nothing unfinished.
    #[track_caller]
    pub(crate) fn assert_tidy(&self, what: &str) {
        let left: Vec<Seen> = self
            .everything()
            .into_iter()
            // The server's own processes show the database's name in their title.
            .filter(|p| !p.argv.starts_with("postgres:"))
            .collect();
        assert_eq!(
            left.len(),
            1,
            "{what}: exactly the service is left: {left:#?}"
        );
        assert!(
            !left[0].vars.contains_key("RIPCORD_RUN"),
            "{what}: {left:?}"
        );
        // The server notices a moment later that a client of it is gone.
        until("the end of all sessions", || {
            self.pg.sessions().is_empty().then_some(())
        });
        let status = self.run(&["status", "--json"]).json();
        assert!(status["lease"].is_null(), "{what}: {status}");
        assert!(status["unfinished"].is_null(), "{what}: {status}");
        let records = super::records(&self.journal());
        for deployment in super::deployments(&records) {
            super::assert_one_ending(&records, &deployment, what);
        }
        for database in self.pg.family() {
            assert!(!database.contains("scratch"), "{what}: {database} is left");
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for p in self.everything() {
            if !p.argv.starts_with("postgres:")
                && let Some(pid) = Pid::from_raw(p.pid)
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// By another process, so that scripts can be run at once: see `Site::script`.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
}
