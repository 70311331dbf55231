use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Judgement, Phase, Release, Verdict, Verifier};

/// A verifier that says what it was told to, and passes when it was told nothing.
#[derive(Clone, Debug, Default)]
pub struct ScriptedVerifier(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: Vec<(Phase, VecDeque<Judgement>)>,
    asked: Vec<(Phase, Option<String>)>,
}

impl ScriptedVerifier {
    /// Adds the next answer for a phase.
    #[must_use]
    pub fn answering(self, phase: Phase, judgement: Judgement) -> Self {
        {
            let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match script.answers.iter_mut().find(|(known, _)| *known == phase) {
                Some((_, queue)) => queue.push_back(judgement),
                None => script.answers.push((phase, VecDeque::from([judgement]))),
            }
        }
        self
    }

    /// Fails a phase once.
    #[must_use]
    pub fn failing(self, phase: Phase) -> Self {
        let told = Judgement::not_passed(Verdict::Fail, "told", "it was told to fail");
        self.answering(phase, told)
    }

    /// What was asked so far: phases with the expected release.
    #[must_use]
    pub fn asked(&self) -> Vec<(Phase, Option<String>)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .asked
            .clone()
    }
}

#[async_trait]
impl Verifier for ScriptedVerifier {
    async fn verify(&self, phase: Phase, expected: Option<Release>) -> Judgement {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        script.asked.push((phase, expected.map(|r| r.id)));
        script
            .answers
            .iter_mut()
            .find(|(known, _)| *known == phase)
            .and_then(|(_, queue)| queue.pop_front())
            .unwrap_or_else(Judgement::pass)
    }
}
