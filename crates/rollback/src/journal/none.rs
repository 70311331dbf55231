use std::time::Duration;

use async_trait::async_trait;

use super::{Acquired, Event, Holder, Journal, Lease, Owner, Record};
use crate::{Error, ErrorKind};

/// The journal of a target that has none yet: empty, held by nobody, and not to be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJournal;

fn none(operation: &'static str) -> Error {
    Error::new(
        operation,
        "a journal that does not exist",
        ErrorKind::Unsupported,
    )
}

#[async_trait]
impl Journal for NoJournal {
    async fn append(&self, _: &Lease, _: &str, _: Event) -> Result<Record, Error> {
        Err(none("append to"))
    }

    async fn request(&self, _: &str, _: Event) -> Result<Record, Error> {
        Err(none("append to"))
    }

    async fn replay(&self, _: Option<&str>) -> Result<Vec<Record>, Error> {
        Ok(Vec::new())
    }

    async fn acquire(&self, _: &Owner, _: Duration) -> Result<Acquired, Error> {
        Err(none("take the lease in"))
    }

    async fn renew(&self, _: &Lease) -> Result<(), Error> {
        Err(none("renew the lease in"))
    }

    async fn release(&self, _: &Lease) -> Result<(), Error> {
        Ok(())
    }

    async fn holder(&self) -> Result<Option<Holder>, Error> {
        Ok(None)
    }

    async fn reserve(&self) -> Result<(), Error> {
        Err(none("reserve space in"))
    }
}
