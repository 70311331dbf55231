use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::until;

/// A server with a first role of any name, for what must not be done to the one that all tests share.
#[derive(Debug)]
pub(super) struct Server {
    temp: TempDir,
    child: Child,
    port: u16,
}

impl Server {
    /// `None` where there are no programs; the test that asked has said so then.
    pub(super) fn new(first: &str, options: &[&str]) -> Option<Self> {
        let programs = programs()?;
        let temp = tempfile::tempdir().unwrap();
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let data = temp.path().join("data");
        let made = as_account(&programs.join("initdb"), temp.path())
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .arg(format!("--username={first}"))
            .arg(format!("--pgdata={}", data.display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let log = fs::File::create(temp.path().join("log")).unwrap();
        let child = as_account(&programs.join("postgres"), temp.path())
            .args(["-F", "-k", "", "-h", "127.0.0.1", "-p", &port.to_string()])
            .args(options.iter().flat_map(|option| ["-c", option]))
            .arg("-D")
            .arg(&data)
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { temp, child, port };
        until("the server", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        until("its end of starting", || {
            let log = fs::read_to_string(server.temp.path().join("log")).unwrap();
            log.contains("ready to accept connections").then_some(())
        });
        Some(server)
    }

    /// As this role, which is written as it stands in a URL, to the database `postgres`.
    pub(super) fn url(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/postgres", self.port)
    }

    /// A folder that the server may write into.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let path = self.temp.path().join(name);
        let made = as_account(Path::new("mkdir"), self.temp.path())
            .arg(&path)
            .status();
        assert!(made.unwrap().success());
        path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = kill_process(pid.unwrap(), Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// PostgreSQL refuses to run as root.
fn as_account(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        let id = |what: &str| {
            let said = Command::new("id")
                .args([what, "postgres"])
                .output()
                .unwrap();
            String::from_utf8(said.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        };
        command.gid(id("-g")).uid(id("-u"));
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn programs() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut all: Vec<PathBuf> = entries.flatten().map(|e| e.path().join("bin")).collect();
    all.retain(|bin| bin.join("initdb").exists() && bin.join("postgres").exists());
    all.sort();
    let found = all.pop();
    if found.is_none() {
        eprintln!("SKIPPED: the programs of a PostgreSQL server are not in a usual place");
    }
    found
}
