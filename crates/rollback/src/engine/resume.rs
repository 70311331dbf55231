use jiff::Timestamp;

use super::flight::{Flight, Halt, Writing};
use super::undo::Back;
use super::{Answer, Engine};
use crate::journal::{ActState, Ending, Event, Kind, Story};
use crate::process;
use crate::{Error, ErrorKind};

use Writing::{BestEffort, Required};

/// Which way an interrupted deployment is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Before the first visible change back; after it, judged again, then forward or back.
    Decide,
    /// Back, whatever it looks like.
    Back,
}

impl Engine {
    /// Finishes what an interrupted run left: ends and awaits its children and database sessions, looks at the
    /// world, and goes forward or back, or declares.
    ///
    /// # Errors
    /// [`Journal`](ErrorKind::Journal), [`Fenced`](ErrorKind::Fenced); [`State`](ErrorKind::State) when something of
    /// the older run would not end, in which case nothing is decided.
    pub async fn resume(&self, direction: Direction) -> Result<Answer, Error> {
        if let Some(holder) = self.journal.holder().await? {
            return Ok(Answer::LeaseHeld(holder));
        }
        let lease = match self.lease().await? {
            Ok(lease) => lease,
            Err(holder) => return Ok(Answer::LeaseHeld(holder)),
        };
        // Read under the lease: somebody may have finished it until a moment ago.
        let stories = self.stories().await?;
        let Some(story) = Story::open(&stories) else {
            self.journal.release(&lease).await?;
            return Ok(Answer::Nothing(match stories.last() {
                Some(last) => format!(
                    "nothing to finish: the last deployment {} is over",
                    last.deployment
                ),
                None => "there is no deployment in the journal".into(),
            }));
        };
        let id = story.deployment.clone();
        let writing = if story.armed { BestEffort } else { Required };
        let done = self
            .under_lease(&id, lease, async |flight| {
                let found = flight.end_older(&stories).await?;
                let resumed = Event::Resumed {
                    by: self.owner.clone(),
                    found,
                };
                match flight.note(resumed, writing).await {
                    Ok(()) => {}
                    Err(Halt::Fenced(e)) => return Err(e),
                    Err(Halt::Because { reasons, .. }) => {
                        return Err(Error::new("resume", &flight.deployment, ErrorKind::Journal)
                            .because(reasons.join("; ")));
                    }
                }
                let story = flight.story()?;
                flight.finish(&story, direction).await
            })
            .await?;
        Ok(Answer::Ended(Box::new(done)))
    }
}

impl Flight<'_> {
    /// Ends and awaits everything that older epochs left running. Says what it found.
    async fn end_older(&self, stories: &[Story]) -> Result<Vec<String>, Error> {
        let within = self.engine.policy.end_timeout;
        let mut found = Vec::new();
        let records = self.engine.journal.replay(Some(&self.deployment)).await?;
        let story = Story::of(&records);
        for (child, index) in story.iter().flat_map(|s| &s.children) {
            // A finished start command leaves the service running in its group: only open acts are ended.
            let open = story
                .as_ref()
                .and_then(|s| s.acts.get(*index))
                .is_some_and(|(_, _, state)| *state == ActState::Open);
            if open && process::is_alive(child.group, child.started) {
                process::end_group(*child, within).await?;
                found.push(format!("ended process group {}", child.group));
            }
        }
        let ids: Vec<String> = stories.iter().map(|s| s.deployment.clone()).collect();
        let ended = process::end_tagged(&ids, self.lease.epoch, within).await?;
        if ended > 0 {
            found.push(format!("ended {ended} child processes"));
        }
        if let Some(database) = &self.engine.database {
            let sessions = database.end_sessions(&ids, &self.run().tag).await?;
            if sessions > 0 {
                found.push(format!("ended {sessions} database sessions"));
            }
        }
        Ok(found)
    }

    async fn finish(&self, story: &Story, direction: Direction) -> Result<(), Error> {
        if story.kind == Kind::Rollback {
            return self.finish_by_hand(story).await;
        }
        if story.committed {
            return self.tidy().await;
        }
        if story.ended.is_some() || story.undo_attempts > 0 {
            let (code, reasons) = story
                .undo_reason
                .clone()
                .unwrap_or_else(|| ("interrupted".into(), vec!["the run was interrupted".into()]));
            return self.back(Back::of(story), story, code, reasons).await;
        }
        if !story.touched() {
            return self.nothing_happened(story).await;
        }
        let deadline = self.engine.policy.deadline;
        let late = Timestamp::now().duration_since(story.begun).unsigned_abs() > deadline;
        let stopped = direction == Direction::Back || story.abort_requested;
        if !stopped && !late && self.new_one_runs(story).await {
            let went = async {
                // Whatever of it was cut off is finished first: a worker that was not started yet.
                self.activate(&story.release).await?;
                self.prove(&story.release).await?;
                self.commit().await
            }
            .await;
            return match went {
                Ok(()) => self.tidy().await,
                Err(halt) => self.go_back(halt).await,
            };
        }
        let (code, why) = if stopped {
            ("aborted", "an operator stopped the deployment")
        } else if late {
            ("deadline", "the run took longer than it may")
        } else {
            (
                "interrupted",
                "the run was interrupted before the new release was proved to run",
            )
        };
        self.go_back(Halt::because(code, why)).await
    }

    /// Whether the visible change was made: it was written down, or the world says so. A service that still boots is
    /// judged by the gate, not by this.
    async fn new_one_runs(&self, story: &Story) -> bool {
        match story.activation_of(&story.release) {
            Some(ActState::Done) => true,
            Some(ActState::Open) => self
                .engine
                .backend
                .observe()
                .await
                .is_ok_and(|seen| seen.is(&story.release)),
            Some(ActState::Failed(_)) | None => false,
        }
    }

    /// Interrupted before anything changed: the previous release still has to be verified.
    async fn nothing_happened(&self, story: &Story) -> Result<(), Error> {
        let reasons = vec!["the run was interrupted before it changed anything".to_owned()];
        let verified = match &story.previous {
            Some(previous) => self.verify_back(previous).await,
            None => Ok(()),
        };
        let ended = match verified {
            Ok(()) => {
                self.end(Ending::RolledBack, "interrupted", reasons, BestEffort)
                    .await
            }
            Err(Halt::Fenced(e)) => return Err(e),
            Err(Halt::Because { reasons: why, .. }) => {
                self.end(
                    Ending::NeedsHuman,
                    "previous_unhealthy",
                    [reasons, why].concat(),
                    BestEffort,
                )
                .await
            }
        };
        match ended {
            Err(Halt::Fenced(e)) => Err(e),
            Err(Halt::Because { reasons, .. }) => {
                Err(Error::new("end", &self.deployment, ErrorKind::Journal)
                    .because(reasons.join("; ")))
            }
            Ok(()) => Ok(()),
        }
    }

    async fn finish_by_hand(&self, story: &Story) -> Result<(), Error> {
        if story.committed {
            return match self
                .end(Ending::Committed, "ok", Vec::new(), Required)
                .await
            {
                Err(Halt::Fenced(e)) => Err(e),
                _ => Ok(()),
            };
        }
        if !story.armed {
            return self.nothing_happened(story).await;
        }
        let reasons = vec!["a rollback by hand was interrupted".to_owned()];
        self.back(Back::of(story), story, "by_hand".into(), reasons)
            .await
    }
}
