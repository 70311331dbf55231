use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::process;
use crate::{Error, ErrorKind};

/// Who holds a lease: enough to tell a person whom to ask, and a machine whether the holder still lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Host name.
    pub host: String,
    /// Process id on that host.
    pub pid: i32,
    /// Start time of the process in clock ticks since boot, so that a reused pid is not taken for the owner.
    pub started: u64,
    /// Identity of the boot (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// The pid namespace: a pid means nothing in another one.
    #[serde(default)]
    pub namespace: String,
    /// The user, or the CI actor.
    pub user: String,
    /// The CI job, if it is one.
    pub job: Option<String>,
}

impl Owner {
    /// This process, which `user` started on `host`.
    #[must_use]
    pub fn this_process(host: impl Into<String>, user: impl Into<String>) -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        Self {
            host: host.into(),
            pid,
            started: process::start_time(pid).unwrap_or_default(),
            boot: process::boot_id(),
            namespace: process::pid_namespace(),
            user: user.into(),
            job: None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} (pid {}", self.user, self.host, self.pid)?;
        if let Some(job) = &self.job {
            write!(f, ", {job}")?;
        }
        f.write_str(")")
    }
}

/// A granted lease. Its epoch only grows; whoever holds an older one may not act any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The epoch.
    pub epoch: u64,
    /// An owner that kept silent for too long and whose process may still be there.
    pub replaced: Option<Owner>,
}

impl Lease {
    /// A lease that replaces nobody.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self {
            epoch,
            replaced: None,
        }
    }

    /// Ends the process of a replaced owner, if it is on this boot and still there: a stopped process that wakes up
    /// would go on in the middle of an act.
    ///
    /// # Errors
    /// [`State`](crate::ErrorKind::State) when it would not end.
    pub async fn end_replaced(&self, within: Duration) -> Result<(), Error> {
        let Some(owner) = self.replaced.as_ref().filter(|o| o.is_near()) else {
            return Ok(());
        };
        process::signal(owner.pid, owner.started, rustix::process::Signal::KILL);
        let gone = process::wait_until(within, || !process::is_alive(owner.pid, owner.started));
        if gone.await {
            return Ok(());
        }
        Err(Error::new(
            "end",
            format!("the silent owner {owner}"),
            ErrorKind::State,
        ))
    }
}

impl Owner {
    /// Whether its process can be seen from here: the same boot and the same pid namespace.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.boot == process::boot_id() && self.namespace == process::pid_namespace()
    }
}

/// Who holds the lease right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The owner.
    pub owner: Owner,
    /// Its epoch.
    pub epoch: u64,
    /// Time since its last heartbeat, by the store's clock.
    pub since_heartbeat: Duration,
}

/// The answer to asking for the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours, with a new epoch.
    Granted(Lease),
    /// Somebody alive holds it.
    Held(Holder),
}
