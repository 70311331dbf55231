//! The only place that names concrete adapters, and that reads environment and signals.

use std::collections::BTreeMap;
use std::path::Path as FsPath;

use anyhow::Error;
use object_store::path::Path;
use ripcord_backup::sources::{
    Container, Contents, FolderOptions, FolderSource, MysqlOptions, MysqlSource, PostgresOptions,
    PostgresSource, RowHashes,
};
use ripcord_backup::stores::{S3Credentials, S3Options, Secret, Store, folder, s3};
use ripcord_backup::{Encryption, Source, Vault};
use ripcord_conninfo::{Conninfo, Surroundings as _, System};

use crate::cli::Common;
use crate::exit::Usage;

/// What S3 reads from the environment: the credentials, and nothing that would change the rest.
const AWS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// Whether a store that is not there yet is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    /// A disk that is not mounted must not look like a store without backups.
    Refuse,
}

pub(crate) fn vault(common: &Common, missing: Missing) -> Result<Vault, Error> {
    let local = |path: &str| -> Result<Store, Error> {
        if missing == Missing::Refuse && !FsPath::new(path).is_dir() {
            return Err(Usage(format!("--store: there is no folder {path}")).into());
        }
        Ok(folder(FsPath::new(path))?)
    };
    let (store, prefix): (Store, Path) = match common.store.split_once("://") {
        None => (local(&common.store)?, Path::default()),
        Some(("file", path)) if path.starts_with('/') => (local(path)?, Path::default()),
        Some(("s3", rest)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = Path::parse(prefix.trim_end_matches('/'))
                .map_err(|error| Usage(format!("--store: {error}")))?;
            (bucket_store(bucket)?, prefix)
        }
        Some((scheme, _)) => {
            let text = format!(
                "--store: `{scheme}://` is not supported; use file:///path or s3://bucket/prefix"
            );
            return Err(Usage(text).into());
        }
    };
    let vault = Vault::new(store, prefix);
    Ok(match encryption(common)? {
        Some(encryption) => vault.with_encryption(encryption),
        None => vault,
    })
}

fn bucket_store(bucket: &str) -> Result<Store, Error> {
    let mut options = S3Options::new(bucket);
    options.endpoint = System
        .var("AWS_ENDPOINT_URL_S3")
        .or_else(|| System.var("AWS_ENDPOINT_URL"));
    let region = System
        .var("AWS_REGION")
        .or_else(|| System.var("AWS_DEFAULT_REGION"));
    if let Some(region) = region {
        options.region = region;
    }
    let ambient: BTreeMap<String, Secret> = AWS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Secret::new(System.var(name)?))))
        .collect();
    options.credentials = S3Credentials::Ambient(ambient);
    Ok(s3(options)?)
}

fn encryption(common: &Common) -> Result<Option<Encryption>, Error> {
    if let Some(name) = &common.passphrase_env {
        return Ok(Some(Encryption::with_passphrase(secret(name)?)?));
    }
    let identities = match &common.identity {
        None => None,
        Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
            Usage(format!(
                "--identity: cannot read {}: {error}",
                file.display()
            ))
        })?),
    };
    Ok(match (common.encrypt_to.as_slice(), identities) {
        ([], None) => None,
        ([], Some(file)) => Some(Encryption::to_identities(&file)?),
        (to, None) => Some(Encryption::to(to.to_vec())?),
        (to, Some(file)) => Some(Encryption::to(to.to_vec())?.with_identities(&file)?),
    })
}

/// The value of a variable that has to be there.
pub(crate) fn secret(name: &str) -> Result<String, Error> {
    System
        .var(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Usage(format!("the environment variable {name} is not set")).into())
}

/// What is backed up.
#[derive(Debug)]
pub(crate) enum Live {
    Postgres(Box<PostgresSource>),
    Mysql(MysqlSource),
    Folder(FolderSource),
}

impl Live {
    /// What somebody calls it who uses it.
    pub(crate) fn database(&self) -> String {
        match self {
            Live::Postgres(source) => source.database().to_owned(),
            Live::Mysql(source) => source.name().to_owned(),
            Live::Folder(source) => source.name().to_owned(),
        }
    }

    pub(crate) fn source(&self) -> &dyn Source {
        match self {
            Live::Postgres(source) => &**source,
            Live::Mysql(source) => source,
            Live::Folder(source) => source,
        }
    }
}

pub(crate) fn live(common: &Common) -> Result<Live, Error> {
    live_with(common, Contents::Everything, RowHashes::FromDump)
}

pub(crate) fn live_with(
    common: &Common,
    contents: Contents,
    rows: RowHashes,
) -> Result<Live, Error> {
    let whole = contents == Contents::Everything && rows == RowHashes::FromDump;
    let only_postgres = |what: &str| Usage(format!("{what} is for PostgreSQL only"));
    if let Some(folder) = &common.folder {
        let folder = std::path::absolute(folder)?;
        if !whole || common.container.is_some() {
            return Err(only_postgres("--schema-only, --skip-row-hashes or --container").into());
        }
        return Ok(Live::Folder(FolderSource::new(
            folder,
            FolderOptions::default(),
        )?));
    }
    let text = secret(&common.url_env)?;
    if text.starts_with("mysql://") || text.starts_with("mariadb://") {
        if !whole || common.container.is_some() {
            return Err(only_postgres("--schema-only, --skip-row-hashes or --container").into());
        }
        let source = MysqlSource::new(&text, MysqlOptions::default())?;
        return Ok(Live::Mysql(source));
    }
    let conninfo = Conninfo::parse(&text, &System)?;
    let mut options = PostgresOptions::default();
    options.contents = contents;
    options.rows = rows;
    options.jobs = common.jobs;
    options.staging.clone_from(&common.staging);
    options.container = common.container.as_ref().map(Container::docker);
    Ok(Live::Postgres(Box::new(PostgresSource::new(
        conninfo, options,
    ))))
}

/// Resolves when the process is asked to stop.
pub(crate) async fn stopped() -> Error {
    use tokio::signal::unix::{SignalKind, signal};
    let name = match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        },
        _ => std::future::pending().await,
    };
    Error::msg(format!("stopped by {name}"))
}
