//! Which files changed, as git says.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The files that differ from where this branch left `base`, those included that git does not
/// know yet.
pub(crate) fn changed(base: &str, paths: &[PathBuf]) -> anyhow::Result<BTreeSet<PathBuf>> {
    if base.starts_with('-') || base.is_empty() {
        bail!("use `{base}` as a commit; name a commit, a tag or a branch");
    }
    let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
    let folder = if first.is_dir() {
        first
    } else {
        first
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    };
    let top = git(folder, &["rev-parse", "--show-toplevel"])?;
    let top = PathBuf::from(OsStr::from_bytes(top.trim_ascii_end()));
    let mut changed = BTreeSet::new();
    let differing = ["diff", "--name-only", "-z", "--merge-base", base, "--"];
    let unknown = ["ls-files", "--others", "--exclude-standard", "-z"];
    for arguments in [&differing[..], &unknown[..]] {
        let names = git(&top, arguments)?;
        let names = names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty());
        changed.extend(names.map(|name| top.join(OsStr::from_bytes(name))));
    }
    Ok(changed)
}

/// Whether `changed` has this file, however it is spelt.
pub(crate) fn is_among(changed: &BTreeSet<PathBuf>, file: &Path) -> bool {
    file.canonicalize()
        .is_ok_and(|file| changed.contains(&file))
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .context("run git")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().replace('\n', "; ");
        bail!("ask git what changed: {said}");
    }
    Ok(output.stdout)
}
