use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// What a connection string may refer to outside itself.
///
/// Libraries never reach for it on their own: whoever parses decides what may be seen.
pub trait Surroundings: Debug + Send + Sync {
    /// An environment variable; `None` when it is unset.
    fn var(&self, name: &str) -> Option<String>;

    /// The content of a file.
    ///
    /// # Errors
    /// As [`std::fs::read`]; `NotFound` means that there is no such file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The permission bits of a file or directory (`0o600`); `None` when it does not exist.
    fn mode(&self, path: &Path) -> Option<u32>;

    /// The home directory, where `.pgpass` and `.postgresql/` are looked for.
    fn home(&self) -> Option<PathBuf>;

    /// The operating system's name for the current user, libpq's default user.
    fn user(&self) -> Option<String>;
}

/// The process's real environment and files. This is the one place that reads them.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// No environment and no files: the string must say everything itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Surroundings for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one documented adapter that reads the environment; a program passes it by choice"
    )]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn mode(&self, path: &Path) -> Option<u32> {
        use std::os::unix::fs::PermissionsExt as _;
        let meta = std::fs::metadata(path).ok()?;
        Some(meta.permissions().mode() & 0o7777)
    }

    fn home(&self) -> Option<PathBuf> {
        self.var("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
            .or_else(|| passwd_field(5).map(PathBuf::from))
    }

    fn user(&self) -> Option<String> {
        passwd_field(0)
            .or_else(|| self.var("USER"))
            .or_else(|| self.var("LOGNAME"))
    }
}

/// A field of the effective user's line in `/etc/passwd`. The owner of `/proc/self` is the
/// effective user; where there is no `/proc`, the caller falls back to the environment.
fn passwd_field(index: usize) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(uid.as_str()))?;
    line.split(':')
        .nth(index)
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
}

impl Surroundings for Nothing {
    fn var(&self, _name: &str) -> Option<String> {
        None
    }

    fn read(&self, _path: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "no files may be read here",
        ))
    }

    fn mode(&self, _path: &Path) -> Option<u32> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }

    fn user(&self) -> Option<String> {
        None
    }
}
