use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ripcord_backup::retention::Retention;
use ripcord_backup::stores::Secret;
use ripcord_backup::{Encryption, Level, Recipient};

use super::ConfigError;
use super::read::Reader;
use super::section::Section;

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
}

impl std::fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
        }
    }
}

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
        keep: keep(section.table("keep")?)?,
    };
    section.finish()?;
    Ok(backup)
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
    };
    if let Some(s3) = s3 {
        found.endpoint = s3.text("endpoint")?.map(str::to_owned);
        found.region = s3.text("region")?.map(str::to_owned);
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
        section.wrong(key, format!("`backup.{key}`: failed to {error}"))
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
