//! A child process in a group of its own: started, listened to, and ended whatever happens.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, Command};

/// How much a child may print; an answer is far below it.
const MOST: u64 = 64 << 20;
/// How much of its last words is kept.
const WORDS: usize = 16 << 10;

/// What a child printed and how it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) printed: String,
    /// The end of its standard error.
    pub(super) said: String,
}

/// Kills the whole group when it is dropped, unless the leader has been waited for.
#[derive(Debug)]
pub(super) struct Group {
    leader: Option<Pid>,
    /// Nothing is ever written to it: the system closes it with us, even where nothing is dropped,
    /// and the child sees that.
    alive: Option<ChildStdin>,
}

impl Group {
    pub(super) fn kill(&mut self) {
        self.alive = None;
        if let Some(group) = self.leader.take() {
            // Gone in between is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts `argv` in `folder` with exactly this environment.
pub(super) fn start(
    argv: &[String],
    folder: &Path,
    env: &[(String, String)],
) -> std::io::Result<(Child, Group)> {
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| std::io::Error::other("no program is named"))?;
    // A relative path means the workspace, not wherever we happen to be.
    let program = if program.contains('/') {
        std::path::absolute(folder.join(program))?
    } else {
        program.into()
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let group = Group {
        leader: id.and_then(Pid::from_raw),
        // Waiting for the child would close it.
        alive: child.stdin.take(),
    };
    Ok((child, group))
}

/// Listens until it ends. `None` when it had to be killed because the time was up.
pub(super) async fn listen(
    mut child: Child,
    group: &mut Group,
    within: Duration,
) -> std::io::Result<Option<Ended>> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let whole = async { tokio::try_join!(read(out, usize::MAX), read(err, WORDS), child.wait()) };
    match tokio::time::timeout(within, whole).await {
        Ok(ended) => {
            let (printed, said, status) = ended?;
            // What it left running in the background must not outlive the answer.
            group.kill();
            Ok(Some(Ended {
                status,
                printed,
                said,
            }))
        }
        Err(_) => {
            group.kill();
            child.wait().await?;
            Ok(None)
        }
    }
}

/// All of it, or its last `keep` bytes.
async fn read(pipe: Option<impl AsyncRead + Unpin>, keep: usize) -> std::io::Result<String> {
    let Some(pipe) = pipe else {
        return Ok(String::new());
    };
    let mut pipe = pipe.take(MOST);
    let mut bytes = Vec::new();
    loop {
        if pipe.read_buf(&mut bytes).await? == 0 {
            break;
        }
        if bytes.len() > keep.saturating_mul(2) {
            bytes.drain(..bytes.len() - keep);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last line that says something, which is where Python names the error. A passage that looks
/// like the login of a URL, and every text of `secrets`, is struck out.
pub(super) fn last_words(said: &str, secrets: &[String]) -> String {
    let mut lines = said.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let short: String = redacted(last, secrets).chars().take(300).collect();
    short.chars().filter(|c| !c.is_control()).collect()
}

pub(super) fn redacted(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|s| !s.is_empty()) {
        text = text.replace(secret.as_str(), "***");
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'))
            .unwrap_or(after.len());
        let login = after[..end].rfind('@');
        match login {
            Some(login) if after[..login].contains(':') => {
                let user = after.split(':').next().unwrap_or_default();
                out.push_str(user);
                out.push_str(":***");
                rest = &after[login..];
            }
            _ => rest = after,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_hold_no_password() {
        let said = "Traceback\n  x\nKeyError: 'postgres://me:s3cret@h/d and s3cret, see https://a.b/c'\n\n";
        assert_eq!(
            last_words(said, &["s3cret".to_owned()]),
            "KeyError: 'postgres://me:***@h/d and ***, see https://a.b/c'"
        );
        assert_eq!(
            last_words("no postgres://me:p@ss/w@h:1/d", &[]),
            "no postgres://me:***@h:1/d"
        );
        assert_eq!(last_words("", &[]), "");
    }

    #[tokio::test]
    async fn the_whole_group_is_killed_when_the_time_is_up() {
        let argv = ["sh", "-c", "sleep 600 & echo $!; sleep 600"].map(str::to_owned);
        let env = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let (mut child, mut group) = start(&argv, Path::new("/"), &env).unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut first = [0; 32];
        let read = out.read(&mut first).await.unwrap();
        let pid: i32 = std::str::from_utf8(&first[..read])
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        child.stdout = Some(out);
        let ended = listen(child, &mut group, Duration::from_millis(10)).await;
        assert!(ended.unwrap().is_none());
        // Killed and not yet waited for by init is gone, too.
        let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        while !gone() {
            tokio::task::yield_now().await;
        }
    }
}
