//! What happens while migrations run, for the journal and for people.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ripcord_migration_guard::{
    Error, ErrorKind, LeftBehind, Migration, Outcome, Peer, RunEvent, Step, StepObserver,
    Transactional, WayBack,
};
use ripcord_rollback::{Record, Run, Statement, journal};

use crate::output::Output;

/// The ways back that the journal holds, of migrations that are applied.
pub(crate) fn kept(records: &[Record]) -> Vec<WayBack> {
    journal::ways_back(records)
        .iter()
        .filter_map(read)
        .collect()
}

fn read(way: &ripcord_rollback::WayBack) -> Option<WayBack> {
    // A way back is made of a migration.
    let mut migration = Migration::new(&way.version, &way.name, &way.file, "")
        .with_down(&way.file, way.sql.as_str());
    migration.checksum.clone_from(&way.checksum);
    if !way.in_transaction {
        migration.down_transaction = Transactional::No;
    }
    WayBack::of(&migration)
}

/// Writes statements outside a transaction into the journal before they are sent, and ways back before their migrations
/// are begun. Tells people who is in the way.
#[derive(Debug)]
pub(crate) struct Journaled {
    run: Run,
    output: Arc<Output>,
    last: Mutex<String>,
}

impl Journaled {
    pub(crate) fn new(run: Run, output: Arc<Output>) -> Self {
        Self {
            run,
            output,
            last: Mutex::default(),
        }
    }

    /// Tells what a migration left unfinished.
    pub(crate) fn tell(&self, version: &str, outcome: &Outcome) {
        if let Outcome::Applied { left, .. } = outcome {
            self.left(version, left);
        }
    }

    fn left(&self, version: &str, left: &[LeftBehind]) {
        for it in left {
            let remedy = &it.remedy;
            self.output.warn(&format!(
                "migration {version} left something: {it}; {remedy}"
            ));
        }
    }

    async fn note(&self, step: &Step, acknowledged: bool) -> Result<(), Error> {
        if step.transaction == Transactional::Yes {
            return Ok(());
        }
        let statement = Statement {
            version: step.version.clone(),
            index: step.index,
            total: step.total,
            text: step.summary.clone(),
            acknowledged,
        };
        self.run.ledger.statement(statement).await.map_err(|e| {
            let subject = format!("statement {} of {}", step.index + 1, step.version);
            Error::new(ErrorKind::Stopped, "journal", subject).because(e.chain())
        })
    }

    /// The same again and again says nothing new.
    fn once(&self, topic: String, text: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != topic {
            self.output.line(&format!("  {text}"));
            *last = topic;
        }
    }
}

#[async_trait]
impl StepObserver for Journaled {
    async fn before(&self, step: &Step) -> Result<(), Error> {
        self.note(step, false).await
    }

    async fn after(&self, step: &Step) -> Result<(), Error> {
        self.note(step, true).await
    }

    async fn way_back(&self, way: &WayBack) -> Result<(), Error> {
        let file = way.path.display().to_string();
        if self.output.mask().text(&way.sql) != way.sql {
            // Struck out it would be something else, and it must not be kept as it is.
            self.output.warn(&format!(
                "{file} holds a secret of the configuration, so that it is not kept in the journal: its file is the only way back"
            ));
            return Ok(());
        }
        let kept = ripcord_rollback::WayBack {
            version: way.version.clone(),
            name: way.name.clone(),
            file,
            sql: way.sql.clone(),
            in_transaction: way.transaction == Transactional::Yes,
            checksum: way.checksum.clone(),
        };
        self.run.ledger.way_back(kept).await.map_err(|e| {
            Error::new(ErrorKind::Stopped, "journal the way back of", &way.version)
                .because(e.chain())
        })
    }

    async fn event(&self, event: &RunEvent) {
        match event {
            RunEvent::Retrying {
                version,
                attempt,
                attempts,
                pause,
                why,
            } => {
                let pause = pause.as_secs_f64();
                self.output.line(&format!(
                    "  {version}: attempt {attempt} of {attempts} in {pause:.1} s: {why}"
                ));
            }
            RunEvent::Blocked { version, by } => {
                let text = format!("{version} waits for {}", names(by));
                self.once(pids("blocked", by), &text);
            }
            RunEvent::Queue { version, waiting } => {
                let text = format!("{version} is waited for by {}", names(waiting));
                self.once(pids("queue", waiting), &text);
            }
            RunEvent::Progress(progress) => {
                let topic = format!("{} {}", progress.index, progress.phase);
                self.once(topic, &format!("{} {progress}", progress.version));
            }
            RunEvent::Unwatched { version, why } => {
                let text = format!("{version}: neither progress nor a queue is seen: {why}");
                self.once("unwatched".to_owned(), &text);
            }
            RunEvent::Left { version, left } => self.left(version, left),
            _ => {}
        }
    }
}

fn names(peers: &[Peer]) -> String {
    let peers: Vec<String> = peers.iter().take(3).map(Peer::to_string).collect();
    peers.join(", ")
}

fn pids(topic: &str, peers: &[Peer]) -> String {
    let pids: Vec<String> = peers.iter().map(|peer| peer.pid.to_string()).collect();
    format!("{topic} {}", pids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_is_the_same_after_the_journal() {
        let mut migration = Migration::new("7", "drop note", "7.up.sql", "SELECT 1;")
            .with_down("7.down.sql", "SELECT 2;");
        migration.down_transaction = Transactional::No;
        let way = WayBack::of(&migration).unwrap();
        let again = read(&ripcord_rollback::WayBack {
            version: way.version.clone(),
            name: way.name.clone(),
            file: way.path.display().to_string(),
            sql: way.sql.clone(),
            in_transaction: false,
            checksum: way.checksum.clone(),
        });
        assert_eq!(again, Some(way));
    }
}
