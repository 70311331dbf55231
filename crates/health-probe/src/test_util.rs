//! Fakes for the tests of teams that build on this crate, and the suite every check must pass.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use crate::{CheckResult, GateObserver, HealthCheck, Proof, Reason, Round};

/// A check that answers from a script.
///
/// After the last answer it repeats that one. Time is tokio's, so it can be paused.
#[derive(Debug)]
pub struct ScriptedCheck {
    name: String,
    script: Script,
    calls: AtomicU32,
    first: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum Script {
    Answers(Vec<CheckResult>),
    HealthyAfter(Duration, Box<CheckResult>),
    Hanging,
}

impl ScriptedCheck {
    /// Gives these answers, one per call; the last one for ever. An empty script passes always.
    /// The answers get the check's name.
    pub fn new(
        name: impl Into<String>,
        answers: impl IntoIterator<Item = CheckResult>,
    ) -> ScriptedCheck {
        let name = name.into();
        let mut answers: Vec<CheckResult> = answers
            .into_iter()
            .map(|mut a| {
                a.name.clone_from(&name);
                a
            })
            .collect();
        if answers.is_empty() {
            answers.push(CheckResult::pass(&name));
        }
        Self::with_script(name, Script::Answers(answers))
    }

    /// Always passes.
    pub fn passing(name: impl Into<String>) -> ScriptedCheck {
        Self::new(name, [])
    }

    /// Refuses connections until `boot` has passed since the first call, then gives `answer`.
    pub fn healthy_after(boot: Duration, answer: CheckResult) -> ScriptedCheck {
        Self::with_script(
            answer.name.clone(),
            Script::HealthyAfter(boot, Box::new(answer)),
        )
    }

    /// Never answers.
    pub fn hanging(name: impl Into<String>) -> ScriptedCheck {
        Self::with_script(name.into(), Script::Hanging)
    }

    /// How often it was asked.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    fn with_script(name: String, script: Script) -> Self {
        Self {
            name,
            script,
            calls: AtomicU32::new(0),
            first: Mutex::new(None),
        }
    }

    fn running_for(&self) -> Duration {
        let mut first = self.first.lock().unwrap_or_else(|e| e.into_inner());
        first.get_or_insert_with(Instant::now).elapsed()
    }
}

#[async_trait]
impl HealthCheck for ScriptedCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) as usize;
        match &self.script {
            Script::Answers(answers) => answers[call.min(answers.len() - 1)].clone(),
            Script::HealthyAfter(boot, answer) => {
                if self.running_for() < *boot {
                    CheckResult::fail(&self.name, Reason::ConnectRefused, "still booting")
                } else {
                    (**answer).clone()
                }
            }
            Script::Hanging => std::future::pending().await,
        }
    }
}

/// A proof that finds the service gone after a time, counted from the first question.
#[derive(Debug)]
pub struct GoneAfter {
    after: Duration,
    why: String,
    first: Mutex<Option<Instant>>,
}

impl GoneAfter {
    /// Gone `after` the first question, because of `why`.
    pub fn new(after: Duration, why: impl Into<String>) -> Self {
        Self {
            after,
            why: why.into(),
            first: Mutex::new(None),
        }
    }
}

#[async_trait]
impl Proof for GoneAfter {
    async fn gone(&self) -> Option<String> {
        let mut first = self.first.lock().unwrap_or_else(|e| e.into_inner());
        let since = first.get_or_insert_with(Instant::now).elapsed();
        (since >= self.after).then(|| self.why.clone())
    }
}

/// Keeps every round it is told of.
#[derive(Debug, Default)]
pub struct RecordingObserver(Mutex<Vec<Round>>);

impl RecordingObserver {
    /// The rounds so far.
    pub fn rounds(&self) -> Vec<Round> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}

impl GateObserver for RecordingObserver {
    fn round(&self, round: &Round) {
        let mut rounds = self.0.lock().unwrap_or_else(|e| e.into_inner());
        rounds.push(round.clone());
    }
}

/// What every [`HealthCheck`] must keep. Returns what it breaks; empty is good.
///
/// - the name is stable, not empty, and not a URL;
/// - it answers within `limit`, under its own name, also when asked several times at once;
/// - dropping it at any await does not spoil the next question;
/// - none of `secrets` is in the name, in `Debug`, or in an answer.
pub async fn conformance(
    check: &dyn HealthCheck,
    limit: Duration,
    secrets: &[&str],
) -> Vec<String> {
    let mut broken = HashSet::new();
    let name = check.name().to_owned();
    if name.is_empty() || name.contains("://") {
        broken.insert("the name is empty or a URL".to_owned());
    }
    // Dropped after ever longer times: before the first await, and then in the middle.
    for millis in [0, 1, 5, 20] {
        let _ = timeout(Duration::from_millis(millis), check.check()).await;
    }
    let together = futures::future::join3(check.check(), check.check(), check.check());
    match timeout(limit, together).await {
        Err(_) => {
            broken.insert(format!("no answer within {limit:?}"));
        }
        Ok((a, b, c)) => {
            for answer in [a, b, c] {
                if answer.name != name {
                    broken.insert(format!("answers as `{}`", answer.name));
                }
                leaks(&format!("{answer:?} {answer}"), secrets, &mut broken);
            }
        }
    }
    if check.name() != name {
        broken.insert("the name changes".to_owned());
    }
    leaks(&format!("{name} {check:?}"), secrets, &mut broken);
    let mut broken: Vec<String> = broken.into_iter().collect();
    broken.sort();
    broken
}

fn leaks(text: &str, secrets: &[&str], broken: &mut HashSet<String>) {
    for (i, secret) in secrets.iter().enumerate() {
        if text.contains(secret) {
            broken.insert(format!("secret number {i} is shown"));
        }
    }
}
