use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::{
    Destination, Error, ErrorKind, Fingerprint, Format, Found, RestoreReport, Snapshot, Source,
};

// automock cannot express the lifetimes of `&mut dyn AsyncRead` under async_trait, so the mock
// deals in whole archives, which is also what a test wants to write down.
mockall::mock! {
    /// A mock of [`Source`]. Its expectations deal in whole archives: `expect_dump` returns the
    /// archive's bytes with the snapshot, `expect_inspect` and `expect_restore` receive them.
    #[derive(Debug)]
    pub Source {
        /// The label.
        pub fn name(&self) -> &str;
        /// The archive to write, and what it holds.
        pub fn dump(&self) -> Result<(Vec<u8>, Snapshot), Error>;
        /// Number of entries in this archive.
        pub fn inspect(&self, archive: Vec<u8>) -> Result<u64, Error>;
        /// Restores this archive.
        pub fn restore(&self, archive: Vec<u8>, into: &Destination) -> Result<RestoreReport, Error>;
        /// Of the live database.
        pub fn fingerprint(&self) -> Result<Fingerprint, Error>;
        /// Of another one.
        pub fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error>;
        /// Looks for a database.
        pub fn find(&self, database: &str) -> Result<Option<Found>, Error>;
        /// Marks a database.
        pub fn mark(&self, database: &str, purpose: &str) -> Result<(), Error>;
        /// Drops a database.
        pub fn discard(&self, database: &str) -> Result<(), Error>;
    }
}

#[async_trait]
impl Source for MockSource {
    fn name(&self) -> &str {
        self.name()
    }

    fn format(&self) -> Format {
        Format::Other
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        let (archive, snapshot) = self.dump()?;
        sink.write_all(&archive).await.map_err(|source| {
            Error::new("dump", "a mock", ErrorKind::Store, source.to_string()).with_source(source)
        })?;
        Ok(snapshot)
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        self.inspect(whole(archive).await?)
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        self.restore(whole(archive).await?, into)
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        self.fingerprint()
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.fingerprint_of(database)
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        self.find(database)
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        self.mark(database, purpose)
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        self.discard(database)
    }
}

async fn whole(archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    archive
        .read_to_end(&mut bytes)
        .await
        .map_err(|source| Error::reading_archive("a mock", source))?;
    Ok(bytes)
}
