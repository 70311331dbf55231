//! Exit codes. They are a contract: scripts and CI rely on them.

use std::process::ExitCode;

use ripcord_rollback::Ending;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: failed, went back, the previous release is verified healthy.
    RolledBack,
    /// 2: usage or configuration; nothing was touched.
    Usage,
    /// 3: a gate said no; nothing changed.
    Blocked,
    /// 4: going back failed, or the state is declared; a person is needed.
    NeedsHuman,
    /// 5: could not decide; nothing more happens by itself.
    Inconclusive,
    /// 6: another deployment is running, or another restore into the same name.
    LeaseHeld,
}

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::RolledBack => 1,
            Self::Usage => 2,
            Self::Blocked => 3,
            Self::NeedsHuman => 4,
            Self::Inconclusive => 5,
            Self::LeaseHeld => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Committed => Self::Ok,
            Ending::RolledBack => Self::RolledBack,
            Ending::Blocked => Self::Blocked,
            Ending::NeedsHuman => Self::NeedsHuman,
            Ending::Inconclusive => Self::Inconclusive,
        }
    }
}
