//! `ripcord backup restore`.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ripcord_backup::sources::{InPlace, PostgresSource, Switch};
use ripcord_backup::{BackupId, Error, ErrorKind, Source as _, TableWrites, Vault};
use serde_json::{Value, json};

use super::backup::{refused, say};
use crate::compose::restored_name;
use crate::exit::Exit;
use crate::progress::BackupProgress;
use crate::wiring::Wiring;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Restore {
    pub(super) id: BackupId,
    pub(super) into: Option<String>,
    pub(super) then: Then,
    /// Schemas that stay as they are.
    pub(super) keep: Vec<String>,
    /// Why what was written since the backup may be lost.
    pub(super) reason: Option<String>,
    pub(super) dry_run: bool,
}

/// What happens to the restored database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It stays where it is.
    Stay,
    /// It takes the place of the live one.
    Switch,
    /// What is in it takes the place of what is in the live one.
    Replace,
}

impl Restore {
    /// Whether the live database is touched.
    pub(super) fn takes_over(&self) -> bool {
        self.then != Then::Stay && !self.dry_run
    }

    fn flags(&self) -> String {
        match self.then {
            Then::Stay => String::new(),
            Then::Switch => " --switch".to_owned(),
            // The only one that takes the names of schemas.
            Then::Replace => {
                let mut flags = " --in-place".to_owned();
                for name in &self.keep {
                    let _ = write!(flags, " --keep-schema {name}");
                }
                flags
            }
        }
    }
}

/// Everything a step needs.
struct Work<'a> {
    wiring: &'a Wiring,
    vault: &'a Vault,
    source: PostgresSource,
    wish: Restore,
    live: String,
    into: String,
    /// What would be lost, one line each; `None` when it is not known.
    lost: Option<Vec<String>>,
    json: bool,
}

pub(super) async fn run(
    wiring: &Wiring,
    vault: &Vault,
    mut wish: Restore,
    json: bool,
) -> Result<Exit> {
    let source = wiring.source()?;
    let live = source.database().to_owned();
    let into = wish
        .into
        .clone()
        .unwrap_or_else(|| restored_name(&live, &wish.id));
    if into == live {
        bail!(
            "a backup is never restored over the live database {live:?}; restore beside it, then --switch or --in-place"
        );
    }
    let backup = wiring.config.backup.as_ref();
    let backup = backup.context("this needs [backup] in the configuration")?;
    wish.keep.extend(backup.keep_schemas.iter().cloned());
    wish.keep.sort_unstable();
    wish.keep.dedup();
    let manifest = match vault.manifest(&wish.id).await {
        Ok(manifest) => manifest,
        Err(e) => return refused(wiring, json, Some(&wish.id), &e),
    };
    let lost = source.writes_since(&manifest.writes).await.ok().flatten();
    let mut work = Work {
        wiring,
        vault,
        source,
        wish,
        live,
        into,
        lost: lost.map(|tables| tables.iter().map(line).collect()),
        json,
    };
    let done = match work.wish.then {
        _ if work.wish.dry_run => return Ok(work.dry_run()),
        Then::Stay => work.restore().await.map(|()| {
            let text = format!(
                "backup {} is restored in {:?}, verified; the live database is untouched",
                work.wish.id, work.into
            );
            work.say(&text, json!({"database": work.into, "switched": false}));
            Exit::Ok
        }),
        Then::Switch => work.switch().await,
        Then::Replace => work.replace().await,
    };
    done.or_else(|e| refused(wiring, json, Some(&work.wish.id), &e))
}

impl Work<'_> {
    fn say(&self, text: &str, value: Value) {
        let mut document = json!({"schema": 1, "backup": self.wish.id});
        if let (Some(document), Value::Object(more)) = (document.as_object_mut(), value) {
            document.extend(more);
        }
        say(self.wiring, self.json, text, document);
    }

    fn loss(&self) -> String {
        match &self.lost {
            None => "written since the backup: unknown".to_owned(),
            Some(lines) if lines.is_empty() => {
                "written since the backup (an estimate): nothing".to_owned()
            }
            Some(lines) => format!(
                "written since the backup (an estimate):\n  {}",
                lines.join("\n  ")
            ),
        }
    }

    fn dry_run(&self) -> Exit {
        let mut text = format!("would restore backup {} into {:?}", self.wish.id, self.into);
        match self.wish.then {
            Then::Stay => {}
            Then::Switch => {
                let _ = write!(text, ", then put it in the place of {:?}", self.live);
            }
            Then::Replace => {
                let _ = write!(text, ", then replace with it what is in {:?}", self.live);
            }
        }
        if self.wish.then != Then::Stay {
            let _ = write!(text, "; {}", self.loss());
        }
        let value = json!({
            "database": self.into, "switch": self.wish.then == Then::Switch,
            "in_place": self.wish.then == Then::Replace, "lost_estimate": self.lost, "dry_run": true,
        });
        self.say(&text, value);
        Exit::Ok
    }

    /// Beside the live database, and what was written meanwhile is counted anew.
    async fn restore(&mut self) -> Result<(), Error> {
        let progress = BackupProgress::new(Arc::clone(&self.wiring.output));
        let restored = self
            .vault
            .restore(&self.source, &self.wish.id, &self.into, &progress)
            .await?;
        let lost = self.source.writes_since(&restored.manifest.writes).await;
        self.lost = lost
            .ok()
            .flatten()
            .map(|tables| tables.iter().map(line).collect());
        Ok(())
    }

    async fn switch(&mut self) -> Result<Exit, Error> {
        let switch = Switch::new(&self.into, self.wish.id.clone());
        let (id, live) = (self.wish.id.clone(), self.live.clone());
        if self.source.switched(&switch).await? {
            // An earlier call was cut off behind the rename, or somebody wants it once more.
            let done = self.source.switch(&switch).await?;
            let text = format!(
                "{live:?} was switched to backup {id} already, at {}; the old database is kept as {:?}. \
                 To go back to it once more, name another database with --into",
                done.at, done.kept
            );
            let value =
                json!({"database": live, "switched": true, "kept": done.kept, "lost_estimate": []});
            self.say(&text, value);
            return Ok(Exit::Ok);
        }
        self.source
            .ready_to_switch(&switch, &self.wish.keep)
            .await?;
        self.restore().await?;
        if !self.consented().await {
            return Ok(self.unasked());
        }
        let switched = match self.source.switch(&switch).await {
            Err(e) if e.kind() == ErrorKind::Unreachable => return Ok(self.unknown(&e)),
            switched => switched?,
        };
        let text = format!(
            "{live:?} holds backup {id} now; the old database is kept as {:?}",
            switched.kept
        );
        let value = json!({
            "database": live, "switched": true, "kept": switched.kept, "lost_estimate": self.lost,
            "allowed": self.wish.reason,
        });
        self.say(&text, value);
        Ok(Exit::Ok)
    }

    async fn replace(&mut self) -> Result<Exit, Error> {
        let mut plan = InPlace::new(&self.into, self.wish.id.clone());
        plan.keep.clone_from(&self.wish.keep);
        self.source.ready_to_replace(&plan).await?;
        self.restore().await?;
        // Each line begins with the table.
        if let Some(lines) = &mut self.lost {
            lines.retain(|line| plan.replaces(line));
        }
        if !self.consented().await {
            return Ok(self.unasked());
        }
        let done = match self.source.replace_in_place(&plan).await {
            Err(e) if e.kind() == ErrorKind::Unreachable => return Ok(self.unknown(&e)),
            done => done?,
        };
        let (id, live) = (&self.wish.id, &self.live);
        let mut text = format!(
            "{live:?} holds backup {id} now: {} tables, {} rows",
            done.tables, done.rows
        );
        if !self.wish.keep.is_empty() {
            let _ = write!(text, "; kept as they were: {}", self.wish.keep.join(", "));
        }
        if let Err(e) = self.source.discard(&self.into).await {
            self.wiring
                .output
                .warn(&format!("{:?} is left behind: failed to {e}", self.into));
        }
        let value = json!({
            "database": live, "switched": false, "in_place": true, "kept_schemas": self.wish.keep,
            "lost_estimate": self.lost, "allowed": self.wish.reason,
        });
        self.say(&text, value);
        Ok(Exit::Ok)
    }

    /// The connection was lost while the live database was being replaced.
    fn unknown(&self, error: &Error) -> Exit {
        let text = format!(
            "failed to {}; {:?} may hold the backup or what it held before, and may refuse connections: \
             the same command again finds out, and finishes",
            error.chain(),
            self.live
        );
        let value = json!({
            "database": self.live, "switched": Value::Null, "lost_estimate": self.lost,
            "reason_code": "outcome_unknown", "findings": [text],
        });
        self.say(&text, value);
        Exit::NeedsHuman
    }

    /// Shows what would be lost; without a reason given beforehand the live database's name has to
    /// be typed.
    async fn consented(&self) -> bool {
        let output = &self.wiring.output;
        output.line(&self.loss());
        if let Some(reason) = &self.wish.reason {
            output.line(&format!("allowed: {reason}"));
            return true;
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return false;
        }
        output.line(&format!("type {} to go on:", self.live));
        let (told, answer) = tokio::sync::oneshot::channel();
        // A thread of its own: one that waits for a person would keep a runtime from ending.
        std::thread::spawn(move || {
            let mut line = String::new();
            if std::io::stdin().lock().read_line(&mut line).is_ok() {
                drop(told.send(line));
            }
        });
        answer.await.unwrap_or_default().trim() == self.live
    }

    fn unasked(&self) -> Exit {
        let (id, into) = (&self.wish.id, &self.into);
        let text = format!(
            "{:?} is untouched, because nobody consented to lose what was written since the backup, which is restored and \
             verified in {into:?}; to go on: ripcord backup restore {id} --into {into}{} --allow-restore REASON",
            self.live,
            self.wish.flags()
        );
        let value = json!({
            "database": into, "switched": false, "lost_estimate": self.lost,
            "reason_code": "restore_needs_consent", "findings": [text],
        });
        self.say(&text, value);
        Exit::Blocked
    }
}

fn line((table, written): (&String, &TableWrites)) -> String {
    format!(
        "{table}: {} inserted, {} updated, {} deleted",
        written.inserted, written.updated, written.deleted
    )
}
