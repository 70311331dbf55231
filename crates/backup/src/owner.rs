//! Which process a reservation belongs to, and whether it still lives.

use serde::{Deserialize, Serialize};

/// A process, told apart from a later one with the same pid by its start time and the boot.
///
/// Read from `/proc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owner {
    pub(crate) host: String,
    pub(crate) boot: String,
    pub(crate) pid: u32,
    /// Clock ticks since boot.
    pub(crate) started: u64,
}

impl Owner {
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        Self {
            host: read("/proc/sys/kernel/hostname"),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid,
            started: started(pid).unwrap_or(0),
        }
    }

    /// Whether it is certain that the process is gone. On another host nothing is certain, and
    /// only age decides.
    pub(crate) fn is_gone(&self) -> bool {
        let here = Self::current();
        if self.host != here.host || self.host.is_empty() {
            return false;
        }
        self.boot != here.boot || started(self.pid) != Some(self.started)
    }
}

fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name is in parentheses and may contain anything.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19)?.parse().ok()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_process_is_not_gone_and_its_successor_is_somebody_else() {
        let own = Owner::current();
        assert!(own.started > 0);
        assert!(!own.is_gone());
        let recycled = Owner {
            started: own.started + 1,
            ..own.clone()
        };
        assert!(recycled.is_gone());
        let before_reboot = Owner {
            boot: "other".to_owned(),
            ..own.clone()
        };
        assert!(before_reboot.is_gone());
        let elsewhere = Owner {
            host: "elsewhere".to_owned(),
            ..recycled
        };
        assert!(!elsewhere.is_gone());
    }
}
