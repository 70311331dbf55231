//! Whole backups on a real server.

mod contents;
mod rights;
mod trouble;

use std::sync::Arc;

use object_store::memory::InMemory;
use ripcord_backup::Vault;

pub(crate) fn vault() -> Vault {
    Vault::new(Arc::new(InMemory::new()), "")
}
