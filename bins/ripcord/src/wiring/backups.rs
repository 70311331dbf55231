//! Where backups are, and what is backed up.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use object_store::memory::InMemory;
use ripcord_backup::sources::{
    Container, MysqlOptions, MysqlSource, PostgresOptions, PostgresSource,
};
use ripcord_backup::stores::{S3Credentials, S3Options, Secret, Store};
use ripcord_backup::{Source, Vault, stores};
use ripcord_conninfo::{Surroundings as _, System};
use ripcord_rollback::{Tag, process};

use super::Wiring;
use crate::config::{BackupConfig, DatabaseConfig, S3Config, StoreConfig};

impl Wiring {
    /// Where the backups are.
    ///
    /// # Errors
    /// When `[backup]` is missing or the folder cannot be made.
    pub fn vault(&self) -> Result<Vault> {
        let backup = self
            .config
            .backup
            .as_ref()
            .context("this needs [backup] in the configuration")?;
        Ok(vault_at(backup)?)
    }

    /// What is backed up, whatever its kind.
    ///
    /// # Errors
    /// When `[database]` is missing.
    pub fn live(&self) -> Result<Box<dyn Source>> {
        match &self.config.mysql {
            Some(mysql) => {
                let options = MysqlOptions::default();
                Ok(Box::new(MysqlSource::new(mysql.url.reveal(), options)?))
            }
            None => Ok(Box::new(self.source()?)),
        }
    }

    /// The database as a source of backups, for what only PostgreSQL can do.
    ///
    /// # Errors
    /// When `[database]` is missing, or of another kind.
    pub fn source(&self) -> Result<PostgresSource> {
        if self.config.mysql.is_some() {
            bail!("this is for PostgreSQL only, and `database.kind` is \"mysql\"");
        }
        let database = self
            .config
            .database
            .as_ref()
            .context("this needs [database] in the configuration")?;
        Ok(source_of(database, self.config.backup.as_ref(), None))
    }
}

pub(super) type OpenVault = fn(&BackupConfig) -> Result<Vault, ripcord_backup::Error>;

/// For what only reads: a store that is not there yet counts as empty, and none is made.
pub(super) fn vault_to_read(config: &BackupConfig) -> Result<Vault, ripcord_backup::Error> {
    match &config.store {
        StoreConfig::Folder(folder) if !folder.exists() => Ok(encrypted(
            Vault::new(Store::new(Arc::new(InMemory::new())), ""),
            config,
        )),
        _ => vault_at(config),
    }
}

/// The store of backups.
pub(crate) fn vault_at(config: &BackupConfig) -> Result<Vault, ripcord_backup::Error> {
    let vault = match &config.store {
        StoreConfig::Folder(folder) => Vault::new(stores::folder(folder)?, ""),
        StoreConfig::S3(s3) => Vault::new(bucket(s3)?, s3.prefix.as_str()),
    };
    Ok(encrypted(vault, config))
}

fn encrypted(vault: Vault, config: &BackupConfig) -> Vault {
    match &config.encryption {
        Some(encryption) => vault.with_encryption(encryption.clone()),
        None => vault,
    }
}

fn bucket(config: &S3Config) -> Result<Store, ripcord_backup::Error> {
    /// What the surroundings may give; never an endpoint or anything else that is configured.
    const AMBIENT: &[&str] = &[
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
    let mut options = S3Options::new(&config.bucket);
    options.endpoint.clone_from(&config.endpoint);
    if let Some(region) = &config.region {
        options.region.clone_from(region);
    }
    if let Some(size) = config.part_size {
        options.part_size = size.bytes();
    }
    options.credentials = match &config.key {
        Some((id, secret)) => S3Credentials::Key {
            id: id.clone(),
            secret: secret.clone(),
            session_token: None,
        },
        None => S3Credentials::Ambient(
            AMBIENT
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), Secret::new(System.var(name)?))))
                .collect(),
        ),
    };
    stores::s3(options)
}

/// A database as a source of backups, with its sessions and children tagged for the run.
pub(crate) fn source_of(
    database: &DatabaseConfig,
    backup: Option<&BackupConfig>,
    tag: Option<&Tag>,
) -> PostgresSource {
    let mut options = PostgresOptions::default();
    if let Some(tag) = tag {
        options.application_name = tag.to_string();
        options.env.push((process::RUN_VAR.into(), tag.to_string()));
    }
    if let Some(backup) = backup {
        options.jobs = backup.jobs.unwrap_or(options.jobs);
        options.staging.clone_from(&backup.staging);
        options.layout = backup.layout;
    }
    options.container = database.container.as_ref().map(Container::docker);
    PostgresSource::new(database.conninfo.clone(), options)
}
