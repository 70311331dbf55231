//! How `pg_dump`, `pg_restore` and `psql` find their server, and what goes through their pipes.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;

use ripcord_conninfo::{Conninfo, LIBPQ_VARS};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::super::child;
pub(super) use super::super::child::{Ended, Fed, run_fed, tail};
use super::source::PostgresSource;
use crate::Error;

/// What Linux lets everybody ask for.
const PIPE: usize = 1024 * 1024;

impl PostgresSource {
    /// A child that finds its database by environment. It is killed when its handle is dropped.
    pub(super) fn command(&self, tool: &Path, database: &Conninfo) -> Command {
        let mut env = database.libpq_env();
        let mut command = match &self.options.container {
            None => Command::new(tool),
            Some(container) => {
                let mut command = Command::new(&container.runtime);
                command.args(["exec", "-i"]);
                env.push(("LC_ALL", "C".to_owned()));
                let tags = self.options.env.iter().map(|(name, _)| name.as_str());
                // By name only: the values are in its own environment, and not in argv.
                for name in env.iter().map(|(name, _)| *name).chain(tags) {
                    command.args(["-e", name]);
                }
                command.arg(&container.name).arg(tool);
                command
            }
        };
        for name in LIBPQ_VARS {
            command.env_remove(name);
        }
        command
            .envs(env)
            .envs(self.options.env.iter().map(|(name, value)| (name, value)))
            // Messages are read by us.
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(super) fn spawn(&self, command: Command) -> Result<Child, Error> {
        child::spawn(command)
    }

    /// Strikes out secrets, should a tool repeat one.
    pub(super) fn redact(&self, text: &str) -> String {
        child::redact(text, self.conninfo.secrets())
    }
}

/// Which end of a copy failed.
pub(super) enum CopyError {
    Reading(std::io::Error),
    Writing(std::io::Error),
}
/// Copies to the end without holding more than one buffer.
pub(super) async fn copy<R, W>(from: &mut R, to: &mut W) -> Result<(), CopyError>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    copy_watched(from, to, |_| {}).await
}

/// The same, showing each piece to `watch` first.
pub(super) async fn copy_watched<R, W>(
    from: &mut R,
    to: &mut W,
    mut watch: impl FnMut(&[u8]),
) -> Result<(), CopyError>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = from.read(&mut buffer).await.map_err(CopyError::Reading)?;
        if count == 0 {
            return Ok(());
        }
        watch(&buffer[..count]);
        to.write_all(&buffer[..count])
            .await
            .map_err(CopyError::Writing)?;
    }
}

/// A pipe that holds more lets both ends work without waking each other for every few pages.
pub(super) fn widen(pipe: impl AsFd) {
    // An unprivileged user may be at their limit; then it stays as it is.
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(pipe, PIPE) {
        tracing::debug!(%error, "could not widen a pipe");
    }
}
