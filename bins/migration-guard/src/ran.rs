//! What a run did, told at its end.

use std::io::Write as _;
use std::time::Duration;

use ripcord_migration_guard::{
    Direction, Error, LeftBehind, Migrator, Outcome, Repair, Resolution, Workspace,
};
use serde_json::json;

use crate::exit::{self, Done};
use crate::output::printable;
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
                state(version, &resolution)
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
            (Some(failed), None) => {
                let code = match self.done.is_empty() {
                    true => exit::touched(failed.error.kind()),
                    false => 1,
                };
                exit::tell(&failed.error.into());
                Ok(Done::Failed(code))
            }
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
            let (told, remedy) = (it.to_string(), printable(&it.remedy));
            writeln!(out, "left  {version}  {}; {remedy}", printable(&told))?;
        }
        match &self.failed {
            Some(Failed { version, state, .. }) => {
                writeln!(out, "state  {version}  {}", printable(state))
            }
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
pub(crate) fn state(version: &str, resolution: &Resolution) -> String {
    let resolve = format!("`migration-guard resolve --version {version}");
    let (repair, mark) = match resolution {
        Resolution::Applied => return "applied".to_owned(),
        Resolution::NotApplied => return "not applied".to_owned(),
        Resolution::Unknown { why } => return format!("unknown: {why}"),
        Resolution::Partial { repair, mark, .. } => (repair, mark),
    };
    let direction = mark.as_ref().map_or(Direction::Up, |mark| mark.direction);
    let (part, way, done) = match direction {
        Direction::Up => ("partly applied", "it", "applied"),
        Direction::Down => ("partly taken back", "its way back", "not applied"),
    };
    match repair {
        Repair::Complete => format!(
            "all of {way} was done, and it is marked as interrupted; \
             {resolve} --repair` records it as {done}"
        ),
        Repair::Undo { sql } | Repair::Finish { sql } if sql.is_empty() => format!(
            "nothing of {way} was done, and it is marked as interrupted; \
             {resolve} --repair` takes the mark away"
        ),
        Repair::Undo { sql } => {
            format!("{part}; {resolve} --repair` undoes it: {}", sql.join("; "))
        }
        Repair::Finish { sql } => {
            format!(
                "{part}; {resolve} --repair` finishes it: {}",
                sql.join("; ")
            )
        }
        Repair::Human { why } if mark.is_some() => format!(
            "{part}, or not at all, and a person has to decide: {why}; put the schema right, then \
             {resolve} --as applied --reason TEXT`, or --as not-applied"
        ),
        Repair::Human { why } => format!("{part}, and a person has to decide: {why}"),
    }
}
