//! What a run did, told at its end.

use std::io::Write as _;
use std::time::Duration;

use ripcord_migration_guard::{
    Error, LeftBehind, Migrator, Outcome, Repair, Resolution, Workspace,
};
use serde_json::json;

use crate::exit::{self, Done};
use crate::progress::Progress;
use crate::signals::Signals;

/// How long a server may take to say what a run left.
const ASKED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Ran {
    word: &'static str,
    json: bool,
    pub(crate) done: Vec<(String, Outcome)>,
    failed: Option<Failed>,
}

struct Failed {
    version: String,
    error: Error,
    state: String,
    left_nothing: bool,
}

impl Ran {
    pub(crate) fn new(word: &'static str, json: bool) -> Self {
        Self {
            word,
            json,
            done: Vec::new(),
            failed: None,
        }
    }

    /// A run that ended early: what is there now is asked for, not guessed.
    pub(crate) async fn failed(
        &mut self,
        migrator: &dyn Migrator,
        workspace: &Workspace,
        version: &str,
        error: Error,
    ) {
        let asked = migrator.resolve(workspace, version);
        let mut left_nothing = false;
        let state = match tokio::time::timeout(ASKED_WITHIN, asked).await {
            Ok(Ok(resolution)) => {
                left_nothing = resolution == Resolution::NotApplied;
                state(&resolution)
            }
            Ok(Err(error)) => format!("unknown: failed to {error}"),
            Err(_) => "unknown: the server did not answer".to_owned(),
        };
        self.failed = Some(Failed {
            version: version.to_owned(),
            error,
            state,
            left_nothing,
        });
    }

    /// Whether what failed left nothing.
    pub(crate) fn left_nothing(&self) -> bool {
        self.failed
            .as_ref()
            .is_some_and(|failed| failed.left_nothing)
    }

    pub(crate) fn report(self, progress: &Progress, signals: &Signals) -> anyhow::Result<Done> {
        progress.end();
        let left = self.left(progress);
        let signal = signals.came();
        if self.json {
            let versions: Vec<&String> = self.done.iter().map(|(version, _)| version).collect();
            let left: Vec<_> = left
                .iter()
                .map(|(version, it)| {
                    json!({ "version": version, "kind": it.kind, "name": it.name, "table": it.table, "remedy": it.remedy })
                })
                .collect();
            let failed = self.failed.as_ref().map(|failed| {
                json!({
                    "version": failed.version,
                    "error": failed.error.to_string(),
                    "help": failed.error.help(),
                    "state": failed.state,
                })
            });
            let document = json!({
                "schema": 1,
                self.word: versions,
                "left": left,
                "failed": failed,
                "stopped": signal.map(|signal| signal.name()),
            });
            writeln!(std::io::stdout().lock(), "{document}")?;
        } else {
            self.text(&left)?;
        }
        match (self.failed, signal) {
            (None, None) => Ok(Done::Ok),
            (Some(failed), None) => Err(failed.error.into()),
            (failed, Some(signal)) => {
                if let Some(failed) = failed {
                    exit::tell(&failed.error.into());
                }
                Ok(Done::Signalled(signal))
            }
        }
    }

    fn text(&self, left: &[(String, LeftBehind)]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let word = self.word;
        for (version, outcome) in &self.done {
            match outcome {
                Outcome::Already => writeln!(out, "{word}  {version}  (was so before)")?,
                Outcome::Applied { seconds, .. } => {
                    writeln!(out, "{word}  {version}  in {seconds:.2} s")?;
                }
            }
        }
        for (version, it) in left {
            writeln!(out, "left  {version}  {it}; {}", it.remedy)?;
        }
        match &self.failed {
            Some(Failed { version, state, .. }) => writeln!(out, "state  {version}  {state}"),
            None if self.done.is_empty() => writeln!(out, "nothing to do"),
            None => Ok(()),
        }
    }

    /// What runs left unfinished, whether they succeeded or not.
    fn left(&self, progress: &Progress) -> Vec<(String, LeftBehind)> {
        let mut all = Vec::new();
        for (version, outcome) in &self.done {
            if let Outcome::Applied { left, .. } = outcome {
                all.extend(left.iter().map(|it| (version.clone(), it.clone())));
            }
        }
        all.extend(progress.left());
        all
    }
}

/// A resolution as one line.
pub(crate) fn state(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Applied => "applied".to_owned(),
        Resolution::NotApplied => "not applied".to_owned(),
        Resolution::Unknown { why } => format!("unknown: {why}"),
        Resolution::Partial { repair, .. } => match repair {
            Repair::Complete => "all of it is there, and it is marked as interrupted; \
                 `migration-guard resolve --repair` records it as applied"
                .to_owned(),
            Repair::Undo { sql } | Repair::Finish { sql } if sql.is_empty() => {
                "nothing of it is there, and it is marked as interrupted; \
                 `migration-guard resolve --repair` takes the mark away"
                    .to_owned()
            }
            Repair::Undo { sql } => format!(
                "partly applied; `migration-guard resolve --repair` undoes it: {}",
                sql.join("; ")
            ),
            Repair::Finish { sql } => format!(
                "partly applied; `migration-guard resolve --repair` finishes it: {}",
                sql.join("; ")
            ),
            Repair::Human { why } => format!("partly applied, and a person has to decide: {why}"),
        },
    }
}
