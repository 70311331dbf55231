use std::time::Duration;

/// How to work with a folder.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// What to leave out: patterns over paths below the folder, such as `cache`, `logs/*.log` or
    /// `**/node_modules`. `*` stays within one part of a path, `**` does not. A folder that is
    /// left out is left out with everything in it.
    pub exclude: Vec<String>,
    /// Whether user and group of each file count.
    pub owners: Owners,
    /// How long to wait for another run that is at work on the same copy.
    pub lock_wait_timeout: Duration,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self {
            exclude: Vec::new(),
            owners: Owners::Kept,
            lock_wait_timeout: Duration::from_secs(60),
        }
    }
}

/// Whether user and group of each file count.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// They are compared and restored, for which a folder with files of several users needs root.
    Kept,
    /// They are neither: a restored file belongs to who restores. The archive has them all the
    /// same.
    Ignored,
}
