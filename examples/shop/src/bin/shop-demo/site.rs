//! The service's place on disk, and `ripcord` run on it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::Arguments;

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) database_url: String,
    pub(crate) base: String,
    pub(crate) programs: PathBuf,
}

/// What a `ripcord` call said.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code; `None` when it was killed.
    pub(crate) code: Option<i32>,
    /// Its JSON document, if it came to print one.
    pub(crate) json: serde_json::Value,
}

impl Site {
    pub(crate) fn prepare(arguments: &Arguments) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = std::path::absolute(&arguments.into)?;
        let programs = std::env::current_exe()?
            .parent()
            .context("no folder of programs")?
            .to_owned();
        let releases = folder.join("site/releases");
        for release in ["v1", "v2", "v3", "v4", "v5"] {
            copy(
                &source.join("releases").join(release),
                &releases.join(release),
            )?;
            std::fs::hard_link(programs.join("shop"), releases.join(release).join("shop"))
                .or_else(|_| {
                    std::fs::copy(programs.join("shop"), releases.join(release).join("shop"))
                        .map(drop)
                })?;
        }
        std::fs::copy(source.join("ripcord.toml"), folder.join("ripcord.toml"))?;
        let database_url = arguments
            .postgres
            .strip_suffix("/postgres")
            .map(|base| format!("{base}/shop"))
            .context("--postgres has to end in /postgres")?;
        Ok(Self {
            folder,
            database_url,
            base: format!("http://127.0.0.1:{}", arguments.port),
            programs,
        })
    }

    pub(crate) fn ripcord(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("ripcord"));
        command
            .args(words)
            .arg("--json")
            .current_dir(&self.folder)
            .env("DATABASE_URL", &self.database_url)
            .env("SHOP_ADDRESS", self.base.trim_start_matches("http://"))
            .env("SHOP_READY_URL", format!("{}/health/ready", self.base))
            .env("SHOP_ORDER_URL", format!("{}/orders/1", self.base))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `ripcord`; kills it as soon as its progress holds `kill_at`.
    pub(crate) async fn run(&self, words: &[&str], kill_at: Option<&str>) -> Result<Said> {
        use std::io::Write as _;
        let mut child = self
            .ripcord(words)
            .spawn()
            .context("cannot start ripcord")?;
        let stdout = child.stdout.take().context("no stdout")?;
        let stderr = child.stderr.take().context("no stderr")?;
        let mut log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("ripcord.log"))?;
        writeln!(log, "$ ripcord {}", words.join(" "))?;
        let printed = tokio::spawn(async move {
            let mut text = String::new();
            let read =
                tokio::io::AsyncReadExt::read_to_string(&mut BufReader::new(stdout), &mut text)
                    .await;
            read.map(|_| text)
        });
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            writeln!(log, "{line}")?;
            if kill_at.is_some_and(|text| line.contains(text)) {
                child.start_kill()?;
            }
        }
        let status = child.wait().await?;
        let text = printed.await??;
        Ok(Said {
            code: status.code(),
            json: serde_json::from_str(&text).unwrap_or_default(),
        })
    }

    /// Stops the service, whichever release runs.
    pub(crate) async fn close(&self) -> Result<()> {
        let current = self.folder.join("site/current");
        Command::new("./stop.sh")
            .current_dir(current)
            .status()
            .await?;
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
