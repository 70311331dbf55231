use std::fmt::Debug;

use crate::Record;

/// Told of every record after it is durable, in order. Must return at once: it is called on the way of the deployment.
pub trait Observer: Debug + Send + Sync {
    /// One record.
    fn record(&self, record: &Record);

    /// Something that is not in the journal and must not go unseen: a record that could not be written during a
    /// rollback, for instance. Default: nothing.
    fn warning(&self, text: &str) {
        let _ = text;
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn record(&self, _: &Record) {}
}
