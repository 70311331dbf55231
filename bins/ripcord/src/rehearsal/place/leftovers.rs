use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use ripcord_rollback::journal::Owner;
use ripcord_rollback::process;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::rehearsal::trial::end_marked;

/// Folders of scratch servers are called so.
pub(super) const PREFIX: &str = "rehearsal-";
/// Says who made the folder.
const OWNER: &str = "owner.json";
/// After this long a rehearsal is over whose owner cannot be seen from here.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a server may take to end after SIGQUIT, which does not write anything any more.
const END_WITHIN: Duration = Duration::from_secs(30);

/// Who made a scratch folder, and when.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    schema: u32,
    by: Owner,
    at: Timestamp,
}

/// The folder of a scratch server, which a later run finds again, whenever this one dies.
///
/// Dropped before it was [removed](Self::remove), as when somebody stops the rehearsal, it is cleared on the spot.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    removed: bool,
}

impl Folder {
    /// Makes one.
    pub(super) fn claim(parent: &Path, id: &str, by: &Owner) -> Result<Self> {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        not_of_others(parent)?;
        let path = parent.join(format!("{PREFIX}{id}"));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let folder = Self {
            path,
            removed: false,
        };
        let made = Made {
            schema: 1,
            by: by.clone(),
            at: Timestamp::now(),
        };
        let owner = folder.path.join(OWNER);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&owner)
            .and_then(|mut file| file.write_all(serde_json::to_string(&made)?.as_bytes()))
            .with_context(|| format!("cannot write {}", owner.display()))?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the server in it if there is one, and everything that the rehearsal started, and removes it.
    pub(super) async fn remove(mut self) -> Result<()> {
        self.removed = true;
        clear(&self.path).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        let path = self.path.clone();
        // Whoever drops a future cannot wait for another one, and a thread of its own can. What it does not manage is
        // found by whoever sweeps next.
        let cleared = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(clear(&path))
        });
        drop(cleared.join());
    }
}

/// Where everybody may make folders, one of that name may have been put there by somebody who wants to see the data.
fn not_of_others(folder: &Path) -> Result<()> {
    let open = |above: &Path| fs::metadata(above).is_ok_and(|about| about.mode() & 0o002 != 0);
    let own = fs::symlink_metadata(folder).is_ok_and(|about| about.is_dir() && is_own(&about));
    if !own && folder.parent().is_some_and(open) {
        bail!(
            "{} belongs to another account; name a folder in rehearsal.folder",
            folder.display()
        );
    }
    Ok(())
}

fn is_own(about: &fs::Metadata) -> bool {
    about.uid() == rustix::process::geteuid().as_raw()
}

/// Ends scratch servers whose owner is gone, or that are older than a day, with everything that was started beside them,
/// and removes their folders. Returns what was removed.
///
/// # Errors
/// When a folder cannot be removed, or a process does not end.
pub async fn sweep(parent: &Path) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let Ok(entries) = fs::read_dir(parent) else {
        return Ok(removed);
    };
    for entry in entries.filter_map(Result::ok) {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry
                .metadata()
                .is_ok_and(|about| about.is_dir() && is_own(&about));
        if ours && is_abandoned(&entry.path()) {
            clear(&entry.path()).await?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// Whether nobody works in it any more. One without a readable owner was cut off while it was made, unless that was
/// just now.
fn is_abandoned(folder: &Path) -> bool {
    let made = fs::read(folder.join(OWNER))
        .ok()
        .and_then(|text| serde_json::from_slice::<Made>(&text).ok());
    let Some(made) = made else {
        let age = fs::metadata(folder).and_then(|m| m.modified()).ok();
        let age = age.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        return age > Duration::from_secs(60);
    };
    let same_boot = made.by.boot == process::boot_id();
    if same_boot && made.by.is_near() {
        return !process::is_alive(made.by.pid, made.by.started);
    }
    // Of another host or container nobody here can tell, but for the time.
    let here = rustix::system::uname().nodename().to_string_lossy() == made.by.host;
    let age = Timestamp::now().duration_since(made.at).unsigned_abs();
    age > OLDEST || (here && !same_boot)
}

/// Ends what the rehearsal of this folder started, then its server, and removes the folder.
async fn clear(folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if let Some(id) = name.strip_prefix(PREFIX) {
        end_marked(id).await?;
    }
    let data = folder.join("data");
    if let Some(pid) = postmaster(&data) {
        let started = process::start_time(pid).unwrap_or_default();
        process::signal(pid, started, Signal::QUIT);
        let gone = || !process::is_alive(pid, started);
        if !process::wait_until(END_WITHIN, gone).await {
            process::signal(pid, started, Signal::KILL);
            process::wait_until(END_WITHIN, gone).await;
        }
    }
    // Its children notice that it is gone, and may write a last file meanwhile.
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) if tries < 100 => tries += 1,
            Err(e) => {
                return Err(e).with_context(|| format!("cannot remove {}", folder.display()));
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The server that runs in this folder, and no other process that has its number by now.
fn postmaster(data: &Path) -> Option<i32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    Pid::from_raw(pid)?;
    let works_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    (works_in == fs::canonicalize(data).ok()?).then_some(pid)
}
