use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::create::CreateOptions;
use super::keep::Vault;
use crate::archive::foreign::{About, Key, peel, unreadable};
use crate::archive::{Ending, Stream};
use crate::{
    Cap, Destination, Error, ErrorKind, Fingerprint, Format, Found, Hold, Level, Manifest,
    Progress, RestoreReport, ServerFacts, Snapshot, Source,
};

const BUFFER: usize = 256 * 1024;

/// What is known about a dump that another program made.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What the dump must be; `None` takes what it turns out to be.
    pub format: Option<Format>,
    /// Opens a layer of `openssl enc` or of age.
    pub passphrase: Option<Passphrase>,
    /// What `openssl enc -iter` was given, if it was.
    pub iterations: Option<NonZeroU32>,
    /// What to find it by later.
    pub labels: BTreeMap<String, String>,
    /// When the dump was made, which is the age that a gate sees; `None` for now.
    pub created: Option<Timestamp>,
    /// zstd's level, 1 to 19.
    pub compression: i32,
    /// As in [`CreateOptions::abandoned_after`].
    pub abandoned_after: Duration,
}

impl Default for ImportOptions {
    fn default() -> Self {
        let create = CreateOptions::default();
        Self {
            format: None,
            passphrase: None,
            iterations: None,
            labels: BTreeMap::new(),
            created: None,
            compression: create.compression,
            abandoned_after: create.abandoned_after,
        }
    }
}

/// A secret that nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// This text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(***)")
    }
}

impl Vault {
    /// Takes over a dump that `pg_dump` (custom or plain), `mysqldump` or `mariadb-dump` made,
    /// through any layers of gzip, zstd, `openssl enc -aes-256-cbc` and age around it.
    ///
    /// It is stored and published like any other backup, compressed and encrypted as this vault
    /// does it, once it was restored into a scratch database beside the one that `source` stands
    /// for. Nobody knows any more what its own database held, so it is proven to the level
    /// `restored` and no further; its fingerprint is that of the scratch database, and every later
    /// restore is compared with that. A dump that is text must end as the program ends it: one
    /// that was cut off restores as if it were whole.
    ///
    /// Of a dump that is text, only statements that the program itself writes are run. What they
    /// define runs with the rights of the source's user while it is restored, such as functions in
    /// checks, defaults and indexes, and so does everything in a custom archive, which nobody looks
    /// into: take a user who is no superuser.
    ///
    /// # Errors
    /// `KeyMissing` without the passphrase or identity, or with a wrong one; `Corrupt` when the
    /// dump is cut off or damaged; `InvalidInput` when it is something else, of another kind of
    /// database, or has statements that no dump of PostgreSQL has (of MySQL: `Corrupt`); and those of [`Vault::create`]. Nothing is published then.
    pub async fn import(
        &self,
        source: &dyn Source,
        from: impl AsyncRead + Send + Unpin,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Manifest, Error> {
        let dump = peel(Box::new(from), &self.import_key(options)?).await?;
        let unfit =
            |detail: String| Error::new("import", "the dump", ErrorKind::InvalidInput, detail);
        if let Some(wanted) = options.format.filter(|wanted| *wanted != dump.format) {
            let (is, wanted) = (dump.format.extension(), wanted.extension());
            return Err(unfit(format!("it is {is} and not {wanted}")));
        }
        let fits = match dump.format {
            Format::PgCustom | Format::PgPlain => {
                matches!(source.format(), Format::PgCustom | Format::PgDirectory)
            }
            other => source.format() == other,
        };
        if !fits {
            return Err(unfit(format!(
                "{} is another kind of database than the dump's",
                source.name()
            )));
        }
        let created = options.created.unwrap_or_else(|| self.clock.now());
        let imported = Imported {
            source,
            format: dump.format,
            about: dump.about,
            created,
            stream: Mutex::new(Some(dump.stream)),
            found: OnceLock::new(),
        };
        let create = CreateOptions {
            level: Level::Content,
            labels: options.labels.clone(),
            compression: options.compression,
            abandoned_after: options.abandoned_after,
        };
        let complete = |manifest: &mut Manifest| {
            manifest.created = created;
            if let Some(found) = imported.found.get() {
                manifest.fingerprint.clone_from(found);
            }
        };
        self.create_as(&imported, &create, progress, &complete)
            .await
    }

    fn import_key(&self, options: &ImportOptions) -> Result<Key, Error> {
        let mut key = Key {
            kept: self.cipher.as_ref().and_then(|cipher| cipher.kept()),
            iterations: options.iterations.map(NonZeroU32::get),
            ..Key::default()
        };
        if let Some(Passphrase(passphrase)) = &options.passphrase {
            key.passphrase = Some(passphrase.clone().into_bytes());
            #[cfg(feature = "encryption")]
            {
                let cipher = crate::Encryption::with_passphrase(passphrase)?;
                key.with_passphrase = crate::archive::Cipher::kept(&cipher);
            }
        }
        Ok(key)
    }
}

/// A source whose dump is one that is there already.
struct Imported<'a> {
    source: &'a dyn Source,
    format: Format,
    about: About,
    created: Timestamp,
    /// Until it is read.
    stream: Mutex<Option<Stream<'a>>>,
    /// What the scratch database held.
    found: OnceLock<Fingerprint>,
}

impl Imported<'_> {
    fn snapshot(&self) -> Snapshot {
        let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        let server = ServerFacts {
            version: or_unknown(&self.about.server),
            tool: or_unknown(&self.about.tool),
            system_identifier: None,
            database: or_unknown(&self.about.database),
            database_oid: 0,
            lsn: None,
            started: self.created,
            finished: self.created,
        };
        Snapshot::new(Fingerprint::default(), server).with_cap(Cap {
            level: Level::Restored,
            reason: "it was imported, and what its database held was not recorded".to_owned(),
        })
    }
}

impl fmt::Debug for Imported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imported")
            .field("source", &self.source)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Source for Imported<'_> {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn format(&self) -> Format {
        self.format
    }

    async fn size(&self) -> Result<Option<u64>, Error> {
        // Of the dump, which nobody knows before it is read; not of the database beside it.
        Ok(None)
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        let stream = self.stream.lock().unwrap_or_else(|p| p.into_inner()).take();
        let Some(mut stream) = stream else {
            let detail = "it was read already";
            return Err(Error::new(
                "read",
                "the dump",
                ErrorKind::InvalidInput,
                detail,
            ));
        };
        let mut ending = Ending::new(self.format);
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = stream.read(&mut buffer).await.map_err(unreadable)?;
            if count == 0 {
                break;
            }
            ending.feed(&buffer[..count]);
            sink.write_all(&buffer[..count]).await.map_err(|source| {
                let detail = source.to_string();
                Error::new("store", "the dump", ErrorKind::Store, detail).with_source(source)
            })?;
        }
        ending.check()?;
        Ok(self.snapshot())
    }

    async fn dump_watched(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        _progress: &dyn Progress,
    ) -> Result<Snapshot, Error> {
        self.dump(sink).await
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        self.source.inspect(archive).await
    }

    async fn hold(&self, database: &str) -> Result<Hold, Error> {
        self.source.hold(database).await
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        let report = self.source.restore(archive, into).await?;
        let found = self.source.fingerprint_of(&into.database).await?;
        // The scratch copy is restored once.
        drop(self.found.set(found));
        Ok(report)
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        self.source.fingerprint().await
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.source.fingerprint_of(database).await
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        self.source.find(database).await
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        self.source.mark(database, purpose).await
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        self.source.discard(database).await
    }
}
