use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Release;

/// When a verification happens, which decides what is asked and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything changes.
    Pre,
    /// After the new release was activated: until first healthy, then held.
    Post,
    /// Smoke tests against the new release.
    Smoke,
    /// The bake time after the new release was found healthy.
    Observe,
    /// After going back: the old release has to be healthy again.
    Undo,
}

/// Four different answers. "Not proven" is never "passed".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Proven healthy.
    Pass,
    /// Proven unhealthy.
    Fail,
    /// Measured, but it could not be decided.
    Inconclusive,
    /// The measuring itself is broken.
    SourceBroken,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// One code from a closed list of the verifier, for machines.
    pub reason_code: String,
    /// What was seen, for people; without secrets.
    pub reasons: Vec<String>,
    /// When the first bad answer of the release was seen, if one was.
    pub first_bad: Option<jiff::Timestamp>,
}

impl Judgement {
    /// A pass with nothing to add.
    #[must_use]
    pub fn pass() -> Self {
        Self {
            verdict: Verdict::Pass,
            reason_code: "ok".into(),
            reasons: Vec::new(),
            first_bad: None,
        }
    }

    /// Any other verdict with its reason.
    #[must_use]
    pub fn not_passed(verdict: Verdict, code: &str, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            reason_code: code.into(),
            reasons: vec![reason.into()],
            first_bad: None,
        }
    }
}

/// Decides whether what runs is healthy. The engine does not care how.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Verifier: Debug + Send + Sync {
    /// Judges `phase`; `expected` is the release whose answers count, if one is expected. An answer is never an
    /// error. Always ends by itself; cancel safe.
    async fn verify(&self, phase: Phase, expected: Option<Release>) -> Judgement;

    /// Whether anything is asked in `phase` at all; a phase that asks nothing is not shown as a step that passed.
    fn asks(&self, phase: Phase) -> bool {
        let _ = phase;
        true
    }
}

macro_rules! forward_verifier {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Verifier + ?Sized> Verifier for $pointer<T> {
            async fn verify(&self, phase: Phase, expected: Option<Release>) -> Judgement {
                (**self).verify(phase, expected).await
            }
            fn asks(&self, phase: Phase) -> bool {
                (**self).asks(phase)
            }
        }
    };
}

forward_verifier!(Arc);
forward_verifier!(Box);
