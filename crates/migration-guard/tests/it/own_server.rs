//! A PostgreSQL server that belongs to one test, which may kill it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use ripcord_conninfo::{Conninfo, Nothing};

pub(crate) struct OwnServer {
    folder: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

impl OwnServer {
    /// `None` where there are no servers to test with.
    pub(crate) async fn start() -> Option<Self> {
        crate::server::server()?;
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        if is_root() {
            done(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let server = Self {
            folder,
            bin: newest(),
            port,
        };
        let data = server.data();
        done(
            server
                .command("initdb")
                .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "-D"])
                .arg(&data),
        );
        server.start_again().await;
        Some(server)
    }

    pub(crate) fn conninfo(&self) -> Conninfo {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        Conninfo::parse(&url, &Nothing).unwrap()
    }

    /// As the kernel does when memory runs out.
    pub(crate) fn kill(&self) {
        let pid = self.postmaster();
        done(Command::new("kill").args(["-KILL", &pid]));
    }

    /// Starts it after it was killed: it refuses as long as a process of before is there.
    pub(crate) async fn start_again(&self) {
        let options = format!(
            "-p {} -h 127.0.0.1 -c unix_socket_directories= -c fsync=off",
            self.port
        );
        for _ in 0..300 {
            let log = self.folder.path().join("server.log");
            let mut start = self.command("pg_ctl");
            start.arg("-D").arg(self.data()).arg("-l").arg(log);
            let start = start
                .args(["-w", "-o", &options, "start"])
                .output()
                .unwrap();
            if start.status.success() && self.conninfo().connect().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server did not come back");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn postmaster(&self) -> String {
        let file = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().next().unwrap().trim().to_owned()
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.arg("-D").arg(self.data());
        drop(stop.args(["-w", "-m", "immediate", "stop"]).output());
    }
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn newest() -> PathBuf {
    let versions = std::fs::read_dir(Path::new("/usr/lib/postgresql")).unwrap();
    let versions = versions.map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.parse::<u32>().unwrap_or(0)
    };
    versions.max_by_key(number).unwrap().join("bin")
}
