//! How do I make a backup that is known to restore? `back_up_and_prove postgres://…` (the user needs CREATEDB, for
//! the scratch database).
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use anyhow::Context as _;
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{CreateOptions, Freshness, Level, Vault, stores};
use ripcord_conninfo::{Conninfo, System};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args()
        .nth(1)
        .context("name a database: back_up_and_prove postgres://…")?;
    let source = PostgresSource::new(Conninfo::parse(&url, &System)?, PostgresOptions::default());
    let folder = tempfile::tempdir()?;
    let vault = Vault::new(stores::folder(folder.path())?, "");

    // Dumped, read back, restored into a scratch database, and compared with what the dump's own snapshot held.
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await?;
    println!(
        "backup {}: {} bytes, {} rows, level {}",
        manifest.id,
        manifest.archive.bytes,
        manifest.fingerprint.rows(),
        manifest.verification.level
    );

    // What a deployment asks before it may migrate.
    let gate = vault
        .gate(&Freshness::new(Duration::from_secs(3600), Level::Content))
        .await;
    println!(
        "may a migration start? {}",
        if gate.allows() { "yes" } else { "no" }
    );

    // One flipped byte, and it does not count any more.
    let archive = folder
        .path()
        .join(manifest.id.as_str())
        .join(&manifest.archive.file);
    let mut bytes = std::fs::read(&archive)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes)?;
    let verdict = vault
        .verify(&source, &manifest.id, Level::Stored, &())
        .await;
    println!(
        "after flipping one bit: {}",
        verdict
            .as_ref()
            .map_or_else(ToString::to_string, |_| "good".into())
    );
    anyhow::ensure!(verdict.is_err(), "a damaged copy never verifies");
    Ok(())
}
