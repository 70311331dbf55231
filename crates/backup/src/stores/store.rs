use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{MultipartId, ObjectStore};

/// Bytes gathered before a part is sent, unless said otherwise.
const PART: usize = 8 * 1024 * 1024;

/// Where backups are kept: an object store, and what it can do about uploads that were cut off.
///
/// Any [`ObjectStore`] becomes one by itself. One whose unfinished uploads outlive the process
/// that began them needs [`Store::with_multipart`], so that the next run can end them.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    pub(crate) multipart: Option<Arc<dyn MultipartStore>>,
    pub(crate) listing: Option<Arc<dyn UnfinishedUploads>>,
    pub(crate) part: usize,
    pub(crate) room: Option<Arc<dyn Room>>,
    pub(crate) leftovers: Option<Arc<dyn Leftovers>>,
}

/// Knows how much still fits.
pub trait Room: fmt::Debug + Send + Sync {
    /// Bytes that may still be written.
    ///
    /// # Errors
    /// The system's.
    fn free(&self) -> std::io::Result<u64>;
}

/// Knows files that were being written and are no objects yet.
pub trait Leftovers: fmt::Debug + Send + Sync {
    /// Removes those right below `folder` whose writer is gone, and then the folder if nothing is in
    /// it. What somebody is at work on stays.
    ///
    /// # Errors
    /// The system's.
    fn clear(&self, folder: &Path) -> std::io::Result<()>;
}

/// Knows the uploads that were begun and neither completed nor aborted.
#[async_trait]
pub trait UnfinishedUploads: fmt::Debug + Send + Sync {
    /// Those whose path begins with `prefix`.
    ///
    /// # Errors
    /// Those of `object_store`, for example when the user may not list them.
    async fn unfinished(&self, prefix: &Path) -> object_store::Result<Vec<(Path, MultipartId)>>;
}

impl Store {
    /// A store that takes back an upload when its process ends, as a local folder does.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            multipart: None,
            listing: None,
            part: PART,
            room: None,
            leftovers: None,
        }
    }

    /// The same, which keeps an unfinished upload until somebody ends it: the upload's id is noted
    /// beside the backup before its first part is sent.
    #[must_use]
    pub fn with_multipart(mut self, multipart: Arc<dyn MultipartStore>) -> Self {
        self.multipart = Some(multipart);
        self
    }

    /// The same, which also finds uploads that were begun while nobody could note their id.
    #[must_use]
    pub fn with_listing(mut self, listing: Arc<dyn UnfinishedUploads>) -> Self {
        self.listing = Some(listing);
        self
    }

    /// The same, asked before a backup begins whether it will fit.
    #[must_use]
    pub fn with_room(mut self, room: Arc<dyn Room>) -> Self {
        self.room = Some(room);
        self
    }

    /// The same, which can remove files that a killed process did not finish.
    #[must_use]
    pub fn with_leftovers(mut self, leftovers: Arc<dyn Leftovers>) -> Self {
        self.leftovers = Some(leftovers);
        self
    }

    /// The same, with parts of so many bytes; at least one. It decides how large an archive can
    /// be, 10,000 parts, and how much memory an upload takes, five parts.
    #[must_use]
    pub fn with_part_size(mut self, bytes: usize) -> Self {
        self.part = bytes.max(1);
        self
    }
}

impl Deref for Store {
    type Target = Arc<dyn ObjectStore>;

    fn deref(&self) -> &Self::Target {
        &self.objects
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("objects", &self.objects)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl<T: ObjectStore> From<Arc<T>> for Store {
    fn from(objects: Arc<T>) -> Self {
        Self::new(objects)
    }
}

impl From<Arc<dyn ObjectStore>> for Store {
    fn from(objects: Arc<dyn ObjectStore>) -> Self {
        Self::new(objects)
    }
}
