use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::journal::{Acquired, Holder, Journal, Lease, Owner};
use crate::{Error, ErrorKind, Event, Record};

/// A journal in memory, shared by all its clones, with faults: a disk that fills up, a lease that is taken away.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    records: Vec<Record>,
    epoch: u64,
    owner: Option<Owner>,
    room: Option<usize>,
}

impl MemoryJournal {
    /// Refuses to append once it holds so many records.
    #[must_use]
    pub fn with_room_for(records: usize) -> Self {
        let journal = Self::default();
        journal.inner().room = Some(records);
        journal
    }

    /// Takes the lease away as another run would: raises the epoch.
    pub fn take_over(&self, owner: Owner) -> Lease {
        let mut inner = self.inner();
        inner.epoch += 1;
        inner.owner = Some(owner);
        Lease::new(inner.epoch)
    }

    /// Forgets the holder, as if its process had died.
    pub fn holder_died(&self) {
        self.inner().owner = None;
    }

    /// The records so far.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.inner().records.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(inner: &mut Inner, deployment: &str, event: Event) -> Result<Record, Error> {
        if inner.room.is_some_and(|room| inner.records.len() >= room) {
            return Err(
                Error::new("append to", "the journal in memory", ErrorKind::Journal)
                    .because("it is full"),
            );
        }
        let record = Record {
            seq: inner.records.len() as u64 + 1,
            deployment: deployment.to_owned(),
            epoch: inner.epoch,
            at: Timestamp::now(),
            event,
        };
        inner.records.push(record.clone());
        Ok(record)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, lease: &Lease, deployment: &str, event: Event) -> Result<Record, Error> {
        let mut inner = self.inner();
        if inner.epoch != lease.epoch || inner.owner.is_none() {
            return Err(Error::new(
                "append to",
                "the journal in memory",
                ErrorKind::Fenced,
            ));
        }
        Self::push(&mut inner, deployment, event)
    }

    async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error> {
        Self::push(&mut self.inner(), deployment, event)
    }

    async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error> {
        let inner = self.inner();
        let wanted = |r: &&Record| deployment.is_none_or(|d| r.deployment == d);
        Ok(inner.records.iter().filter(wanted).cloned().collect())
    }

    async fn acquire(&self, owner: &Owner, _: Duration) -> Result<Acquired, Error> {
        let mut inner = self.inner();
        if let Some(holder) = &inner.owner {
            return Ok(Acquired::Held(Holder {
                owner: holder.clone(),
                epoch: inner.epoch,
                since_heartbeat: Duration::ZERO,
            }));
        }
        inner.epoch += 1;
        inner.owner = Some(owner.clone());
        Ok(Acquired::Granted(Lease::new(inner.epoch)))
    }

    async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        let inner = self.inner();
        if inner.epoch == lease.epoch && inner.owner.is_some() {
            Ok(())
        } else {
            Err(Error::new(
                "renew the lease in",
                "the journal in memory",
                ErrorKind::Fenced,
            ))
        }
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.epoch == lease.epoch {
            inner.owner = None;
        }
        Ok(())
    }

    async fn holder(&self) -> Result<Option<Holder>, Error> {
        let inner = self.inner();
        Ok(inner.owner.clone().map(|owner| Holder {
            owner,
            epoch: inner.epoch,
            since_heartbeat: Duration::ZERO,
        }))
    }

    async fn reserve(&self) -> Result<(), Error> {
        Ok(())
    }
}
