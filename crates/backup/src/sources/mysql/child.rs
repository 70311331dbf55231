//! How the tools find their server.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use tokio::process::Command;

use super::super::child;
use super::source::MysqlSource;
use super::tools::Flavour;
use crate::{Error, ErrorKind};

/// What the tools would read from the environment.
const TOOL_VARS: &[&str] = &[
    "MYSQL_PWD",
    "MYSQL_HOST",
    "MYSQL_TCP_PORT",
    "MYSQL_UNIX_PORT",
    "MYSQL_GROUP_SUFFIX",
    "MYSQL_HOME",
    "MARIADB_HOME",
];

/// A file with address and password that exists in memory only, so that nothing is left of it
/// however this process ends. Children open it by way of `/proc`.
#[derive(Debug)]
pub(super) struct Defaults(File);

impl Defaults {
    pub(super) fn argument(&self) -> String {
        let (pid, fd) = (std::process::id(), self.0.as_raw_fd());
        format!("--defaults-file=/proc/{pid}/fd/{fd}")
    }
}

impl MysqlSource {
    pub(super) fn defaults(&self, flavour: Flavour) -> Result<Defaults, Error> {
        let text = self.defaults_text(flavour);
        let made = || -> std::io::Result<File> {
            let file = memfd_create("ripcord-backup", MemfdFlags::CLOEXEC)?;
            // The tools ignore a file that others may write to.
            fchmod(&file, Mode::RUSR | Mode::WUSR)?;
            let mut file = File::from(file);
            file.write_all(text.as_bytes())?;
            Ok(file)
        };
        made().map(Defaults).map_err(|source| {
            Error::new(
                "hand the password to",
                "the tools",
                ErrorKind::ToolFailed,
                source.to_string(),
            )
            .with_source(source)
        })
    }

    fn defaults_text(&self, flavour: Flavour) -> String {
        let opts = self.address.opts();
        let mut lines = vec!["[client]".to_owned()];
        let mut set = |name: &str, value: &str| lines.push(format!("{name}={}", quoted(value)));
        set("user", self.address.user());
        set("password", self.address.password());
        match opts.socket() {
            Some(socket) => {
                set("protocol", "socket");
                set("socket", socket);
            }
            None => {
                set("protocol", "tcp");
                set("host", opts.ip_or_hostname());
                set("port", &opts.tcp_port().to_string());
            }
        }
        match (opts.ssl_opts(), flavour) {
            (None, Flavour::Mariadb) => lines.push("loose-skip-ssl".to_owned()),
            (None, Flavour::Mysql) => set("loose-ssl-mode", "PREFERRED"),
            (Some(ssl), flavour) => {
                let identity = !ssl.accept_invalid_certs() && !ssl.skip_domain_validation();
                match flavour {
                    Flavour::Mariadb => {
                        lines.push("ssl".to_owned());
                        let verify = if identity { "1" } else { "0" };
                        lines.push(format!("ssl-verify-server-cert={verify}"));
                    }
                    Flavour::Mysql => {
                        let mode = match (identity, ssl.accept_invalid_certs()) {
                            (true, _) => "VERIFY_IDENTITY",
                            (false, false) => "VERIFY_CA",
                            (false, true) => "REQUIRED",
                        };
                        lines.push(format!("ssl-mode={mode}"));
                    }
                }
                if let Some(ca_file) = &self.options.ca_file {
                    lines.push(format!("ssl-ca={}", quoted(&ca_file.to_string_lossy())));
                }
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// A child that finds its server by the file. It is killed when its handle is dropped.
    pub(super) fn command(&self, tool: &Path, defaults: &Defaults) -> Command {
        let mut command = Command::new(tool);
        for name in TOOL_VARS {
            command.env_remove(name);
        }
        command
            .envs(self.options.env.iter().map(|(name, value)| (name, value)))
            // Messages are read by us.
            .env("LC_ALL", "C")
            // MySQL's tools read this one besides the file they are told to read.
            .env("MYSQL_TEST_LOGIN_FILE", "/dev/null")
            // It has to be the first argument.
            .arg(defaults.argument())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Strikes out the password, should a tool repeat it.
    pub(super) fn redact(&self, text: &str) -> String {
        child::redact(text, [self.address.password()])
    }
}

/// A value as option files write it.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for char in value.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}
