//! Cold start of `ripcord --version`, and what `ripcord plan` adds to the time that the database's and the service's
//! own answers take. Both sides are measured in turns in one run; medians are printed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_conninfo::{Conninfo, Nothing};
use ripcord_health_probe::HealthCheck as _;
use ripcord_health_probe::checks::{HttpCheck, HttpClient, HttpConfig};
use ripcord_migration_guard::{Layout, Migrator as _, PostgresMigrator, RunOptions, Workspace};

use crate::Arguments;
use crate::site::Site;
use crate::story::connect;

const STARTS: usize = 100;
const PLANS: usize = 30;

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let site = Site::prepare(arguments)?;
    connect(&arguments.postgres)
        .await?
        .batch_execute("CREATE DATABASE shop")
        .await?;
    for words in [
        &["migration", "run", "--release", "v1"][..],
        &["deploy", "v1"][..],
    ] {
        if words[0] == "deploy" {
            let postgres = connect(&site.database_url).await?;
            postgres
                .batch_execute("INSERT INTO orders (item) VALUES ('one')")
                .await?;
        }
        let said = site.run(words, None).await?;
        ensure!(
            said.code == Some(0),
            "ripcord {words:?} failed; see ripcord.log"
        );
    }

    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let output = tokio::process::Command::new(site.programs.join("ripcord"))
            .arg("--version")
            .output()
            .await?;
        ensure!(output.status.success(), "ripcord --version failed");
        starts.push(started.elapsed());
    }

    let (mut plans, mut owns) = (Vec::new(), Vec::new());
    for _ in 0..PLANS {
        owns.push(own(&site).await?);
        let started = Instant::now();
        let output = site.ripcord(&["plan", "v2"]).output().await?;
        ensure!(output.status.success(), "ripcord plan failed");
        plans.push(started.elapsed());
    }
    site.close().await?;

    let (start, plan, own) = (median(starts), median(plans), median(owns));
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "ripcord --version, cold start, median of {STARTS}: {:.1} ms",
        millis(start)
    )?;
    writeln!(
        out,
        "ripcord plan, median of {PLANS}: {:.1} ms; the database's and the service's own answers: {:.1} ms; added: {:.1} ms",
        millis(plan),
        millis(own),
        millis(plan.saturating_sub(own)),
    )?;
    Ok(())
}

/// What the database and the service need to answer the same questions, asked directly.
async fn own(site: &Site) -> Result<Duration> {
    let conninfo = Conninfo::parse(&site.database_url, &Nothing)?;
    let migrator = PostgresMigrator::new(conninfo.clone(), Layout::Sqlx, RunOptions::default());
    let workspace = Workspace::new(site.folder.join("site/releases/v2/migrations"));
    let source = PostgresSource::new(conninfo, PostgresOptions::default());
    let ready = format!("{}/health/ready", site.base);
    let check = HttpCheck::new("ready", &ready, HttpConfig::default(), &HttpClient::new()?)?;

    let started = Instant::now();
    let (status, schema, _) = tokio::join!(
        migrator.status(&workspace),
        source.definitions(),
        check.check()
    );
    let took = started.elapsed();
    status.context("cannot read the migrations' state")?;
    schema.context("cannot read the schema")?;
    Ok(took)
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
