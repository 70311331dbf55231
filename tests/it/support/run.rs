use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{program, until};

/// What a call of `ripcord` said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// `None` when it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Its one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON document ({e}): {self:?}"))
    }
}

/// A call of `ripcord` that is being put together. Nothing of the caller's surroundings changes what it does.
#[derive(Debug)]
pub(crate) struct Call(Command);

impl Call {
    pub(crate) fn new(folder: &Path, words: &[&str]) -> Self {
        let mut command = Command::new(program("ripcord"));
        command.args(words).current_dir(folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["RIPCORD_", "GITHUB_", "CI", "PG"]
                .iter()
                .any(|p| text.starts_with(p))
            {
                command.env_remove(&name);
            }
        }
        Self(command)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn kill_at(self, boundary: &str) -> Self {
        self.env("RIPCORD_TEST_KILL_AT", boundary)
    }

    pub(crate) fn run(self) -> Said {
        self.start().end()
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self
            .0
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ripcord starts");
        let mut stdout = child.stdout.take().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&lines);
        Running {
            child,
            stdout: Some(std::thread::spawn(move || {
                let mut text = String::new();
                let _ = stdout.read_to_string(&mut text);
                text
            })),
            reader: Some(std::thread::spawn(move || {
                for line in stderr.lines().map_while(Result::ok) {
                    let mut text = heard.lock().unwrap();
                    text.push_str(&line);
                    text.push('\n');
                }
            })),
            lines,
        }
    }
}

/// A running `ripcord`.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    reader: Option<JoinHandle<()>>,
    lines: Arc<Mutex<String>>,
}

impl Running {
    /// Waits until its progress holds this text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        until(&format!("{text:?} on stderr"), || {
            if self.lines.lock().unwrap().contains(text) {
                return Some(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!(
                    "it ended ({status}) before it said {text:?}:\n{}",
                    self.lines.lock().unwrap()
                );
            }
            None
        });
    }

    pub(crate) fn is_over(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// SIGKILL, and only `ripcord` itself.
    pub(crate) fn kill(self) -> Said {
        self.signal(Signal::KILL);
        self.end()
    }

    pub(crate) fn end(mut self) -> Said {
        let status = self.child.wait().unwrap();
        Said {
            code: status.code(),
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: {
                self.reader.take().unwrap().join().unwrap();
                self.lines.lock().unwrap().clone()
            },
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only when a test failed in between.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
