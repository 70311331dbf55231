use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::AbortOnDropHandle;

use super::{Acquired, Event, Holder, Journal, Lease, Owner, Story};
use crate::engine::new_id;
use crate::evidence::Evidence;
use crate::run::{Child, Ledger, Run, Statement, Tag, WayBack};
use crate::{Error, ErrorKind};

/// What became of a change by hand.
#[derive(Debug)]
pub enum Exclusive<T> {
    /// It was made, under the lease.
    Done(T),
    /// Somebody else holds the lease; nothing was done.
    Held(Holder),
    /// A deployment was interrupted and has to be finished first; nothing was done.
    Unfinished(String),
}

/// A change by hand that has the lease. What it has to leave behind goes into the journal, outside of any deployment.
#[derive(Clone, Debug)]
pub struct ByHand {
    journal: Arc<dyn Journal>,
    lease: Lease,
    id: String,
}

impl ByHand {
    /// The run that its acts happen in.
    #[must_use]
    pub fn run(&self) -> Run {
        Run {
            tag: Tag {
                deployment: self.id.clone(),
                epoch: self.lease.epoch,
            },
            ledger: Arc::new(self.clone()),
        }
    }

    /// A migration was taken back.
    ///
    /// # Errors
    /// [`Journal`](ErrorKind::Journal), [`Fenced`](ErrorKind::Fenced).
    pub async fn taken_back(&self, version: &str) -> Result<(), Error> {
        let version = version.to_owned();
        self.write(Event::TakenBack { version }).await
    }

    /// A way back was tried out.
    ///
    /// # Errors
    /// [`Journal`](ErrorKind::Journal), [`Fenced`](ErrorKind::Fenced).
    pub async fn rehearsed(&self, evidence: Evidence) -> Result<(), Error> {
        let evidence = Box::new(evidence);
        self.write(Event::Rehearsed { evidence }).await
    }

    async fn write(&self, event: Event) -> Result<(), Error> {
        let appended = self.journal.append(&self.lease, &self.id, event).await;
        appended.map(drop)
    }
}

#[async_trait]
impl Ledger for ByHand {
    async fn way_back(&self, way: WayBack) -> Result<(), Error> {
        self.write(Event::WayBack { way }).await
    }

    async fn statement(&self, statement: Statement) -> Result<(), Error> {
        self.write(Event::Statement { statement }).await
    }

    async fn child(&self, child: Child, what: &str) -> Result<(), Error> {
        let what = what.to_owned();
        self.write(Event::Child { child, what }).await
    }
}

/// Makes a change by hand under the lease, so that it never meets a deployment, nor what an interrupted one left.
///
/// # Errors
/// [`Journal`](ErrorKind::Journal); [`Fenced`](ErrorKind::Fenced) when the lease was taken over in the middle.
pub async fn exclusively<T>(
    journal: Arc<dyn Journal>,
    owner: &Owner,
    ttl: Duration,
    work: impl AsyncFnOnce(ByHand) -> T,
) -> Result<Exclusive<T>, Error> {
    let lease = match journal.acquire(owner, ttl).await? {
        Acquired::Granted(lease) => lease,
        Acquired::Held(holder) => return Ok(Exclusive::Held(holder)),
    };
    lease.end_replaced(ttl).await?;
    let stories = Story::all(&journal.replay(None).await?);
    if let Some(open) = Story::open(&stories).filter(|story| !story.is_over()) {
        journal.release(&lease).await?;
        return Ok(Exclusive::Unfinished(open.deployment.clone()));
    }
    let (fenced, mut lost) = tokio::sync::watch::channel(false);
    let heart = (Arc::clone(&journal), lease.clone());
    let beat = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut tick = tokio::time::interval(ttl / 3);
        loop {
            tick.tick().await;
            if heart
                .0
                .renew(&heart.1)
                .await
                .is_err_and(|e| e.kind() == ErrorKind::Fenced)
            {
                let _ = fenced.send(true);
                std::future::pending::<()>().await;
            }
        }
    }));
    let by_hand = ByHand {
        journal: Arc::clone(&journal),
        lease: lease.clone(),
        id: format!("by-hand-{}", new_id()),
    };
    let done = tokio::select! {
        done = work(by_hand) => done,
        _ = lost.wait_for(|lost| *lost) => {
            return Err(Error::new("go on with", "a change by hand", ErrorKind::Fenced));
        }
    };
    drop(beat);
    // What was done is done, also when the lease could not be given back; it expires.
    if let Err(e) = journal.release(&lease).await {
        tracing::warn!(error = %e, "the lease could not be given back");
    }
    Ok(Exclusive::Done(done))
}
