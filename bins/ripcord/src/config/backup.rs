use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ripcord_backup::retention::Retention;
use ripcord_backup::sources::Layout;
use ripcord_backup::stores::{PartSize, Secret};
use ripcord_backup::{Encryption, Level, Recipient};

use super::read::Reader;
use super::section::Section;
use super::{ConfigError, DatabaseConfig, ReleaseConfig};

/// `[backup]`.
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// Where they are.
    pub store: StoreConfig,
    /// How old the newest verified backup may be for releases without migrations.
    pub max_age: Duration,
    /// The level a backup has to be verified at.
    pub min_level: Level,
    /// Who can read them.
    pub encryption: Option<Encryption>,
    /// How many sessions read and restore at once.
    pub jobs: Option<NonZeroUsize>,
    /// A folder with room for an uncompressed archive.
    pub staging: Option<PathBuf>,
    /// How a dump is written.
    pub layout: Layout,
    /// Schemas that a restore in place leaves as they are.
    pub keep_schemas: Vec<String>,
    /// What `backup prune` keeps.
    pub keep: Retention,
}

/// Where backups are.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// A local folder.
    Folder(PathBuf),
    /// A bucket.
    S3(S3Config),
}

/// A bucket and how to reach it.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// The folder in it.
    pub prefix: String,
    /// `https://host:port`; absent for AWS.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The key's id and the key; absent for what the surroundings give (`AWS_…`, the machine's role).
    pub key: Option<(String, Secret)>,
    /// Bytes in a part of an upload; absent for the library's own.
    pub part_size: Option<PartSize>,
}

impl std::fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
        }
    }
}

const LAYOUTS: [(&str, Layout); 2] = [("stream", Layout::Stream), ("directory", Layout::Directory)];

/// Reads `[backup]`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
) -> Result<BackupConfig, ConfigError> {
    let levels = [
        ("stored", Level::Stored),
        ("structure", Level::Structure),
        ("restored", Level::Restored),
        ("counts", Level::Counts),
        ("content", Level::Content),
    ];
    let backup = BackupConfig {
        store: store(reader, section)?,
        max_age: section
            .duration("max_age")?
            .unwrap_or(Duration::from_secs(24 * 3600)),
        min_level: section
            .choice("min_level", &levels)?
            .unwrap_or(Level::Content),
        encryption: encryption(reader, section)?,
        jobs: section.number("jobs")?.and_then(NonZeroUsize::new),
        staging: section.text("staging")?.map(|path| reader.path(path)),
        layout: section
            .choice("layout", &LAYOUTS)?
            .unwrap_or(Layout::Stream),
        keep_schemas: section.texts("keep_schemas")?.unwrap_or_default(),
        keep: keep(section.table("keep")?)?,
    };
    if backup.layout == Layout::Directory && backup.staging.is_none() {
        return Err(section
            .wrong(
                "layout",
                "`backup.layout` \"directory\" needs `backup.staging`",
            )
            .with_hint("name a folder with room for the uncompressed archive"));
    }
    section.finish()?;
    Ok(backup)
}

/// Fails when `[backup]` does not go with what else is configured.
pub(super) fn expect_fit(
    top: &Section<'_>,
    backup: &BackupConfig,
    release: Option<&ReleaseConfig>,
    database: Option<&DatabaseConfig>,
) -> Result<(), ConfigError> {
    if backup.layout == Layout::Directory && database.is_some_and(|d| d.container.is_some()) {
        let message = "`backup.layout` \"directory\" cannot reach a database inside of a container";
        return Err(top
            .wrong("backup", message)
            .with_hint("leave it out, or publish the server's port"));
    }
    let (StoreConfig::Folder(store), Some(release)) = (&backup.store, release) else {
        return Ok(());
    };
    // Old releases are removed, and a backup must not go with one.
    for folder in ["releases", "current"] {
        if real(store).starts_with(real(&release.root.join(folder))) {
            let message = format!(
                "`backup.store` is inside of the releases, {}",
                release.root.join(folder).display()
            );
            return Err(top
                .wrong("backup", message)
                .with_hint("keep backups in a folder, or better on a disk, of their own"));
        }
    }
    Ok(())
}

/// Without links, as far as the path exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return real.join(rest);
        }
    }
    path
}

fn store(reader: &mut Reader<'_>, section: &Section<'_>) -> Result<StoreConfig, ConfigError> {
    let store = section.need_text("store")?;
    let s3 = section.table("s3")?;
    if let Some(folder) = store.strip_prefix("file://") {
        if s3.is_some() {
            return Err(section.wrong("s3", "[backup.s3] goes with a store \"s3://bucket/prefix\""));
        }
        return Ok(StoreConfig::Folder(reader.path(folder)));
    }
    let Some(rest) = store.strip_prefix("s3://") else {
        return Err(section
            .wrong("store", format!("`backup.store` cannot be {store:?}"))
            .with_hint("it is like \"file:///var/backups/shop\" or \"s3://bucket/shop\""));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let mut found = S3Config {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        endpoint: None,
        region: None,
        key: None,
        part_size: None,
    };
    if let Some(s3) = s3 {
        found.endpoint = s3.text("endpoint")?.map(str::to_owned);
        found.region = s3.text("region")?.map(str::to_owned);
        found.part_size = s3.text("part_size")?.map(str::parse).transpose().map_err(
            |e: ripcord_backup::Error| {
                s3.wrong("part_size", format!("`backup.s3.part_size`: failed to {e}"))
            },
        )?;
        let id = ["access_key", "access_key_env", "access_key_file"];
        if id.iter().any(|key| s3.has(key)) {
            let secret = ["secret_key", "secret_key_env", "secret_key_file"];
            if s3.has("secret_key") {
                return Err(s3
                    .wrong("secret_key", "`secret_key` is a secret")
                    .with_hint("refer to it with `secret_key_env` or `secret_key_file`"));
            }
            let id = reader.need_secret(&s3, id)?;
            found.key = Some((id, Secret::new(reader.need_secret(&s3, secret)?)));
        }
        s3.finish()?;
    }
    Ok(StoreConfig::S3(found))
}

fn encryption(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
) -> Result<Option<Encryption>, ConfigError> {
    let wrong = |key: &str, error: &ripcord_backup::Error| {
        let wrong = section.wrong(key, format!("`backup.{key}`: failed to {error}"));
        match error.help() {
            Some(help) => wrong.with_hint(help),
            None => wrong,
        }
    };
    if let Some(name) = section.text("passphrase_env")? {
        for other in ["encrypt_to", "identity_file"] {
            if section.has(other) {
                let message = format!("`{other}` and `passphrase_env` exclude each other");
                return Err(section.wrong(other, message));
            }
        }
        let passphrase = reader.secret_variable(section, "passphrase_env", name)?;
        let encryption = Encryption::with_passphrase(passphrase);
        return Ok(Some(encryption.map_err(|e| wrong("passphrase_env", &e))?));
    }
    let mut recipients = Vec::new();
    for text in section.texts("encrypt_to")?.unwrap_or_default() {
        let recipient: Recipient = text.parse().map_err(|e| wrong("encrypt_to", &e))?;
        recipients.push(recipient);
    }
    let identities = match section.text("identity_file")? {
        None => None,
        Some(path) if Recipient::is_secret_key(path) => {
            return Err(section
                .wrong(
                    "identity_file",
                    "`backup.identity_file` is a secret key itself",
                )
                .with_hint("put it into a file and give the file's path"));
        }
        Some(path) => reader.secret_content(section, "identity_file", path)?,
    };
    let encryption = match (recipients.is_empty(), identities) {
        (true, None) => return Ok(None),
        (true, Some(file)) => Encryption::to_identities(&file),
        (false, None) => Encryption::to(recipients),
        (false, Some(file)) => Encryption::to(recipients).and_then(|e| e.with_identities(&file)),
    };
    Ok(Some(encryption.map_err(|e| wrong("identity_file", &e))?))
}

fn keep(section: Option<Section<'_>>) -> Result<Retention, ConfigError> {
    let mut keep = Retention::default();
    let Some(section) = section else {
        keep.keep_last = 7;
        return Ok(keep);
    };
    keep.keep_last = section.number("last")?.unwrap_or(0);
    keep.hourly = section.number("hourly")?.unwrap_or(0);
    keep.daily = section.number("daily")?.unwrap_or(0);
    keep.weekly = section.number("weekly")?.unwrap_or(0);
    keep.monthly = section.number("monthly")?.unwrap_or(0);
    keep.yearly = section.number("yearly")?.unwrap_or(0);
    if let Some(least) = section.number("verified")? {
        keep.min_verified = least;
    }
    for label in section.texts("labels")?.unwrap_or_default() {
        let rule = label
            .parse()
            .map_err(|e: ripcord_backup::Error| section.wrong("labels", e.to_string()))?;
        keep.keep_labels.push(rule);
    }
    section.finish()?;
    Ok(keep)
}
