use std::future::Future;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::{Acquired, Holder, Journal, Owner, Story};
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

/// Makes a change by hand under the lease, so that it never meets a deployment, nor what an interrupted one left.
///
/// # Errors
/// [`Journal`](ErrorKind::Journal); [`Fenced`](ErrorKind::Fenced) when the lease was taken over in the middle.
pub async fn exclusively<T>(
    journal: std::sync::Arc<dyn Journal>,
    owner: &Owner,
    ttl: Duration,
    work: impl Future<Output = T>,
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
    let heart = (std::sync::Arc::clone(&journal), lease.clone());
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
    let done = tokio::select! {
        done = work => done,
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
