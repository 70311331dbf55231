use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Call, Http, Reply, Said, Seen, processes, until};

/// A place with a directory backend whose service is a `sleep`: which release runs is known from that very process, and
/// a small server answers for it.
#[derive(Debug)]
pub(crate) struct Site {
    temp: TempDir,
    config: String,
}

const START: &str = "#!/bin/sh\n\
    sleep 100000 >/dev/null 2>&1 &\n\
    echo $! >../../run/pid.new && mv ../../run/pid.new ../../run/pid\n";
const STOP: &str = "#!/bin/sh\n\
    pid=$(cat ../../run/pid 2>/dev/null) || exit 0\n\
    kill \"$pid\" 2>/dev/null\n\
    rm -f ../../run/pid\n";

impl Site {
    /// With v1 running, v2 good and v3 answering 500.
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("site");
        let http = Http::serve({
            let root = root.clone();
            move |_| answer(&root)
        });
        let config = CONFIG.replace("HTTP", &http.base);
        let site = Self { temp, config };
        fs::create_dir_all(root.join("run")).unwrap();
        site.release("v1", "200");
        site.release("v2", "200");
        site.release("v3", "500");
        site.put(&site.config);
        site.place("v1");
        site
    }

    pub(crate) fn folder(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder().join("site")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder().join("journal/journal.db")
    }

    /// The configuration as it was made.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// Replaces the configuration.
    pub(crate) fn put(&self, config: &str) {
        fs::write(self.folder().join("ripcord.toml"), config).unwrap();
    }

    /// Puts something behind the configuration.
    pub(crate) fn add(&self, more: &str) {
        let path = self.folder().join("ripcord.toml");
        let now = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{now}\n{more}")).unwrap();
    }

    /// A release whose service answers with this status, perhaps after so many seconds: `"200 after 6"`.
    pub(crate) fn release(&self, id: &str, behaviour: &str) {
        self.script(id, "start.sh", START);
        self.script(id, "stop.sh", STOP);
        fs::write(
            self.root().join("releases").join(id).join("behaviour"),
            behaviour,
        )
        .unwrap();
    }

    pub(crate) fn script(&self, id: &str, name: &str, text: &str) {
        let folder = self.root().join("releases").join(id);
        fs::create_dir_all(&folder).unwrap();
        let (draft, path) = (folder.join(".draft"), folder.join(name));
        fs::write(&draft, text).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        // Another process writes the script: a child that is being forked just now would keep our own handle open, and
        // a file that is open for writing cannot be run.
        let copied = Command::new("cp").arg("-p").args([&draft, &path]).status();
        assert!(copied.unwrap().success());
        fs::remove_file(draft).unwrap();
    }

    /// Makes a release run as if it had been deployed before there was a journal.
    fn place(&self, id: &str) {
        symlink(Path::new("releases").join(id), self.root().join("current")).unwrap();
        let done = Command::new("./start.sh")
            .current_dir(self.root().join("current"))
            .env("RIPCORD_SERVICE", self.marker())
            .env("RIPCORD_RELEASE", id)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success());
        // Between fork and exec a process has no environment to show.
        until("the service's own process", || self.serving());
    }

    fn marker(&self) -> String {
        format!("fake/production@{}", self.root().display())
    }

    pub(crate) fn call(&self, words: &[&str]) -> Call {
        Call::new(self.folder(), words)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        self.call(words).run()
    }

    /// The release that answers, by its own process.
    pub(crate) fn serving(&self) -> Option<String> {
        running(&self.root())
    }

    /// Where `current` points.
    pub(crate) fn current(&self) -> String {
        let link = fs::read_link(self.root().join("current")).unwrap();
        link.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Processes of the service.
    pub(crate) fn service(&self) -> Vec<Seen> {
        let marker = self.marker();
        processes()
            .into_iter()
            .filter(|p| p.vars.get("RIPCORD_SERVICE") == Some(&marker))
            .collect()
    }

    /// Every process that has to do with this site.
    pub(crate) fn everything(&self) -> Vec<Seen> {
        let (marker, folder) = (self.marker(), self.folder());
        processes()
            .into_iter()
            .filter(|p| {
                p.vars.get("RIPCORD_SERVICE") == Some(&marker)
                    || p.cwd.as_ref().is_some_and(|cwd| cwd.starts_with(folder))
                    || p.argv.contains(&*folder.to_string_lossy())
            })
            .collect()
    }

    /// Exactly one service, nothing else, nobody deploying, nothing unfinished, and the journal tells one ending for
    /// each deployment.
    #[track_caller]
    pub(crate) fn assert_tidy(&self, what: &str) {
        let left = self.everything();
        assert_eq!(
            left.len(),
            1,
            "{what}: exactly the service is left: {left:#?}"
        );
        assert!(
            !left[0].vars.contains_key("RIPCORD_RUN"),
            "{what}: {left:?}"
        );
        let status = self.run(&["status", "--json"]).json();
        assert!(status["lease"].is_null(), "{what}: {status}");
        assert!(status["unfinished"].is_null(), "{what}: {status}");
        assert_eq!(
            status["running"]["release"].as_str(),
            self.serving().as_deref(),
            "{what}: {status}"
        );
        assert_eq!(Some(self.current()), self.serving(), "{what}");
        let records = super::records(&self.journal());
        for deployment in super::deployments(&records) {
            super::assert_one_ending(&records, &deployment, what);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for p in self.everything() {
            if let Some(pid) = Pid::from_raw(p.pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The release of the process in the pid file, if it lives: from its own environment.
fn running(root: &Path) -> Option<String> {
    let pid = fs::read_to_string(root.join("run/pid")).ok()?;
    let environ = fs::read(format!("/proc/{}/environ", pid.trim())).ok()?;
    let text = String::from_utf8_lossy(&environ).into_owned();
    let var = |name: &str| {
        text.split('\0')
            .find_map(|v| v.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let service = var("RIPCORD_SERVICE")?;
    service
        .ends_with(&*root.to_string_lossy())
        .then(|| var("RIPCORD_RELEASE"))?
}

fn answer(root: &Path) -> Reply {
    let Some(release) = running(root) else {
        return Reply::Status(503, Vec::new());
    };
    let behaviour = fs::read_to_string(root.join("releases").join(&release).join("behaviour"))
        .unwrap_or_default();
    let (status, boot) = behaviour.split_once(" after ").unwrap_or((&behaviour, "0"));
    let age = fs::metadata(root.join("run/pid"))
        .and_then(|m| m.modified())
        .ok()
        .and_then(|at| at.elapsed().ok())
        .unwrap_or_default();
    if age < Duration::from_secs(boot.trim().parse().unwrap_or(0)) {
        return Reply::Status(503, Vec::new());
    }
    Reply::Status(
        status.trim().parse().unwrap_or(200),
        vec![("x-release", release)],
    )
}

const CONFIG: &str = r#"version = 1
service = "fake"

[release]
backend = "directory"
root = "site"
keep = 2

[release.service]
manager = "command"
start = ["./start.sh"]
stop = ["./stop.sh"]
stop_timeout = "10s"

[[check]]
name = "web"
kind = "http"
url = "HTTP/"
release = { header = "x-release" }

[[check]]
name = "file"
kind = "command"
run = ["sh", "-c", "kill -0 $(cat run/pid)"]

[gate.pre]
checks = ["web", "file"]
attempts = 2
interval = "50ms"

[gate.post]
checks = ["web", "file"]
attempts = 60
interval = "50ms"
rise = 1
fall = 3

[gate.undo]
checks = ["web", "file"]
attempts = 200
interval = "50ms"
rise = 1

[observe]
bake = "60ms"

[journal]
url = "sqlite://journal/journal.db"
"#;
