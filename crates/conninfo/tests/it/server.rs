//! A throwaway PostgreSQL with TLS, started by the test itself: certificates cannot be changed on
//! a server that other tests use.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub(crate) struct Server {
    dir: TempDir,
    bin: PathBuf,
    pub(crate) port: u16,
}

/// Why there is no server here.
pub(crate) struct Absent(pub(crate) String);

impl Server {
    pub(crate) fn start() -> Result<Self, Absent> {
        let bin = newest_bin().ok_or_else(|| Absent("no PostgreSQL binaries".to_owned()))?;
        if Command::new("openssl").arg("version").output().is_err() {
            return Err(Absent("no openssl".to_owned()));
        }
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let server = Self { dir, bin, port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(server.path("")));
        }
        let data = server.path("data");
        run(server
            .tool("initdb")
            .args(["-U", "postgres", "--auth=trust", "--no-sync", "-D"])
            .arg(&data));
        let mut conf = std::fs::read_to_string(data.join("postgresql.conf")).unwrap();
        conf.push_str(&format!(
            "\nport={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{}'\nfsync=off\nssl=on\n\
             ssl_cert_file='server.crt'\nssl_key_file='server.key'\nssl_ca_file='ca.crt'\n\
             password_encryption='scram-sha-256'\n",
            server.dir.path().display()
        ));
        std::fs::write(data.join("postgresql.conf"), conf).unwrap();
        std::fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\n\
             hostssl all tls_only all scram-sha-256\n\
             hostnossl all plain_only all scram-sha-256\n\
             hostssl all by_cert all cert\n\
             host all postgres all scram-sha-256\n",
        )
        .unwrap();
        Ok(server)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            return self.dir.path().to_owned();
        }
        self.dir.path().join(name)
    }

    /// Starts the server, or makes it read its certificate again.
    pub(crate) fn use_certificate(&self, cert: &Path, key: &Path, ca: &Path) {
        for (from, to) in [(cert, "server.crt"), (key, "server.key"), (ca, "ca.crt")] {
            let to = self.path("data").join(to);
            std::fs::copy(from, &to).unwrap();
            run(Command::new("chmod").arg("0600").arg(&to));
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&to));
            }
        }
        let running = self.path("data/postmaster.pid").exists();
        let action = if running { "restart" } else { "start" };
        run(self
            .tool("pg_ctl")
            .args([action, "-w", "-s", "-l"])
            .arg(self.path("log"))
            .arg("-D")
            .arg(self.path("data")));
    }

    pub(crate) fn sql(&self, sql: &str) {
        run(Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-c", sql])
            .arg("-h")
            .arg(self.dir.path())
            .args(["-p", &self.port.to_string()]));
    }

    /// Whether psql gets in with this environment, and what it said.
    pub(crate) fn psql(&self, env: &[(&'static str, String)]) -> (bool, String) {
        let output = Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-w", "-A", "-t", "-c", "SELECT 1"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .envs(env.iter().map(|(name, value)| (*name, value.as_str())))
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    fn tool(&self, name: &str) -> Command {
        if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]);
            command.arg(self.bin.join(name));
            command
        } else {
            Command::new(self.bin.join(name))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self
            .tool("pg_ctl")
            .args(["stop", "-m", "immediate", "-s", "-w", "-D"])
            .arg(self.path("data"))
            .output();
    }
}

pub(crate) fn run(command: &mut Command) {
    // A server started by pg_ctl inherits the pipes, so nothing waits for their end.
    let status = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}");
}

fn newest_bin() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").exists().then_some((major, bin))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
