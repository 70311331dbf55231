//! Whether a file runs in one transaction, when nobody says so.

use crate::Transactional;
use crate::sql::Script;
use crate::sql::model::Kind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    No,
    Perhaps,
    Yes,
}

impl Guess {
    pub(super) fn told(transaction: Transactional) -> Self {
        match transaction {
            Transactional::Yes => Self::Yes,
            Transactional::No => Self::No,
        }
    }

    /// What the text itself gives away.
    pub(super) fn from(script: &Script) -> Self {
        if script.controls_transactions() || script.non_transactional().is_some() {
            return Self::No;
        }
        // SET LOCAL has no effect outside a transaction: whoever wrote it counts on one.
        let local = |kind: &Kind| matches!(kind, Kind::Set { local: true, .. });
        if script.statements().iter().any(|s| local(&s.kind)) {
            return Self::Yes;
        }
        Self::Perhaps
    }

    /// What a comment says: squawk has words for it, for whoever configured it the other way.
    pub(super) fn said(script: &Script) -> Option<Self> {
        script.comments().iter().find_map(|(_, text)| {
            if text.contains("squawk-disable-assume-in-transaction") {
                Some(Self::No)
            } else if text.contains("squawk-enable-assume-in-transaction") {
                Some(Self::Yes)
            } else {
                None
            }
        })
    }
}
