//! The only place that names concrete adapters, and that reads environment and signals.

use std::collections::BTreeMap;
use std::path::Path as FsPath;

use anyhow::Error;
use object_store::path::Path;
use ripcord_backup::sources::{
    Container, Contents, FolderOptions, FolderSource, Layout, MysqlOptions, MysqlSource,
    PostgresOptions, PostgresSource, RowHashes,
};
use ripcord_backup::stores::{PartSize, S3Credentials, S3Options, Secret, Store, folder, s3};
use ripcord_backup::{Encryption, Recipient, Source, Vault};
use ripcord_conninfo::{Conninfo, Surroundings as _, System};

use crate::cli::{self, Common};
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
    let encryption = encryption(common)?;
    let local = |path: &str| -> Result<Store, Error> {
        if missing == Missing::Refuse && !FsPath::new(path).is_dir() {
            return Err(Usage(format!("--store: there is no folder {path}")).into());
        }
        // Before it is made.
        if let Some(source) = folder_source(common)? {
            source.expect_apart_from(FsPath::new(path))?;
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
            (bucket_store(bucket, common.part_size)?, prefix)
        }
        Some((scheme, _)) => {
            let text = format!(
                "--store: `{scheme}://` is not supported; use file:///path or s3://bucket/prefix"
            );
            return Err(Usage(text).into());
        }
    };
    let vault = Vault::new(store.with_part_size(common.part_size.bytes()), prefix);
    Ok(match encryption {
        Some(encryption) => vault.with_encryption(encryption),
        None => vault,
    })
}

fn bucket_store(bucket: &str, part_size: PartSize) -> Result<Store, Error> {
    let mut options = S3Options::new(bucket);
    options.part_size = part_size.bytes();
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
    let to: Vec<Recipient> = common
        .encrypt_to
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    if let Some(file) = &common.identity {
        let text = file.to_string_lossy();
        // Neither is shown: the one is a secret, and the other would be taken for a missing file.
        if Recipient::is_secret_key(&text) {
            let text = "--identity: this is a secret key, give the path of a file that holds it";
            return Err(Usage(text.to_owned()).into());
        }
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
    Ok(match (to.is_empty(), identities) {
        (true, None) => None,
        (true, Some(file)) => Some(Encryption::to_identities(&file)?),
        (false, None) => Some(Encryption::to(to)?),
        (false, Some(file)) => Some(Encryption::to(to)?.with_identities(&file)?),
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
    pub(crate) fn source(&self) -> &dyn Source {
        match self {
            Live::Postgres(source) => &**source,
            Live::Mysql(source) => source,
            Live::Folder(source) => source,
        }
    }
}

fn folder_source(common: &Common) -> Result<Option<FolderSource>, Error> {
    let Some(folder) = &common.folder else {
        return Ok(None);
    };
    let folder = std::path::absolute(folder)?;
    Ok(Some(FolderSource::new(folder, FolderOptions::default())?))
}

pub(crate) fn live(common: &Common) -> Result<Live, Error> {
    live_with(common, Contents::Everything, RowHashes::FromDump)
}

pub(crate) fn live_with(
    common: &Common,
    contents: Contents,
    rows: RowHashes,
) -> Result<Live, Error> {
    let whole = contents == Contents::Everything
        && rows == RowHashes::FromDump
        && common.container.is_none()
        && common.layout == cli::Layout::Stream;
    let only_postgres = || {
        let text =
            "--schema-only, --skip-row-hashes, --container and --layout are for PostgreSQL only";
        Usage(text.to_owned())
    };
    if let Some(folder) = folder_source(common)? {
        if !whole {
            return Err(only_postgres().into());
        }
        return Ok(Live::Folder(folder));
    }
    let text = secret(&common.url_env)?;
    if text.starts_with("mysql://") || text.starts_with("mariadb://") {
        if !whole {
            return Err(only_postgres().into());
        }
        let source = MysqlSource::new(&text, MysqlOptions::default())?;
        return Ok(Live::Mysql(source));
    }
    let conninfo = Conninfo::parse(&text, &System)?;
    if !conninfo.names_database() {
        let text = format!(
            "the connection string in {} names no database; add one (postgres://host/NAME), or set PGDATABASE",
            common.url_env
        );
        return Err(Usage(text).into());
    }
    let mut options = PostgresOptions::default();
    if common.layout == cli::Layout::Directory {
        if common.staging.is_none() || common.container.is_some() {
            let text = "--layout directory needs --staging, and cannot be used with --container";
            return Err(Usage(text.to_owned()).into());
        }
        options.layout = Layout::Directory;
    }
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
