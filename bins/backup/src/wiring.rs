//! The only place that names concrete adapters, and that reads environment and signals.

use std::path::PathBuf;

use anyhow::Error;
use object_store::path::Path;
use ripcord_backup::Vault;
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::stores::folder;
use ripcord_conninfo::{Conninfo, Surroundings as _, System};

use crate::cli::Common;
use crate::exit::Usage;

pub(crate) fn vault(common: &Common) -> Result<Vault, Error> {
    let path = match common.store.split_once("://") {
        None => common.store.as_str(),
        Some(("file", path)) if path.starts_with('/') => path,
        Some((scheme, _)) => {
            let text = format!("--store: `{scheme}://` is not supported; use file:///path");
            return Err(Usage(text).into());
        }
    };
    Ok(Vault::new(folder(&PathBuf::from(path))?, Path::default()))
}

pub(crate) fn source(common: &Common) -> Result<PostgresSource, Error> {
    let name = &common.url_env;
    let text = System
        .var(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Usage(format!("the environment variable {name} is not set")))?;
    let conninfo = Conninfo::parse(&text, &System)?;
    Ok(PostgresSource::new(conninfo, PostgresOptions::default()))
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
