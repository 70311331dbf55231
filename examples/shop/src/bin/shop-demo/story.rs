//! What happens, in order, and whether it held.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use ripcord_conninfo::{Conninfo, Nothing};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_postgres::Client as Postgres;

use crate::Arguments;
use crate::customers::{Customers, Seen};
use crate::site::{Said, Site};

const SEEDED: i64 = 100_000;

/// Prints lines with the time since the start.
#[derive(Debug)]
struct Teller(Instant);

impl Teller {
    fn say(&self, text: &str) {
        let _ = writeln!(
            std::io::stdout(),
            "{:6.1} s  {text}",
            self.0.elapsed().as_secs_f64()
        );
    }
}

/// Things that have to hold, with whether they did.
#[derive(Debug, Default)]
struct Checks(Vec<(String, bool)>);

impl Checks {
    fn expect(&mut self, what: impl Into<String>, holds: bool) {
        self.0.push((what.into(), holds));
    }
}

pub(crate) async fn tell(arguments: &Arguments) -> Result<bool> {
    let teller = Teller(Instant::now());
    let mut checks = Checks::default();
    let site = Site::prepare(arguments)?;
    connect(&arguments.postgres)
        .await?
        .batch_execute("CREATE DATABASE shop")
        .await?;
    let postgres = connect(&site.database_url).await?;

    let migrated = site
        .run(&["migration", "run", "--release", "v1"], None)
        .await?;
    ensure!(
        migrated.code == Some(0),
        "the first migration failed; see ripcord.log"
    );
    postgres
        .execute(
            "INSERT INTO orders (item, note) SELECT 'seed-' || g, 'note ' || g FROM generate_series(1, $1::bigint) g",
            &[&SEEDED],
        )
        .await?;
    let seeded_before = seeded(&postgres).await?;
    teller.say(&format!(
        "seeded {SEEDED} orders, content hash {}",
        short(&seeded_before)
    ));
    let first = site.run(&["deploy", "v1"], None).await?;
    checks.expect("v1 is deployed", first.code == Some(0));
    teller.say("v1 runs, proved by its own answer");

    let client = client()?;
    let customers = Customers::arrive(client.clone(), site.base.clone());
    wait_for_orders(&customers).await?;
    teller.say("customers arrive: 50 requests a second, half of them orders");

    let good = site.run(&["deploy", "v2"], None).await?;
    teller.say(&format!("deploy v2 (adds a column): {}", outcome(&good)));
    checks.expect("v2 is committed (exit 0)", good.code == Some(0));

    let schema_before = schema(&site).await?;
    let bad = site.run(&["deploy", "v3"], None).await?;
    let verified = Instant::now();
    let first_error = customers.seen().first_error;
    let seconds = first_error
        .as_ref()
        .map(|(at, _)| verified.saturating_duration_since(*at).as_secs_f64());
    teller.say(&format!(
        "deploy v3 (renames a column; its code answers 500): {}",
        outcome(&bad)
    ));
    for reason in bad.json["reasons"].as_array().into_iter().flatten() {
        teller.say(&format!("    {}", reason.as_str().unwrap_or_default()));
    }
    checks.expect("v3 is rolled back (exit 1)", bad.code == Some(1));
    checks.expect(
        "v2 runs again, proved by its own answer",
        running(&client, &site).await == "v2",
    );
    checks.expect(
        "the schema is the one before v3",
        schema(&site).await? == schema_before,
    );
    checks.expect(
        "customers saw v3 fail",
        first_error.as_ref().is_some_and(|(_, r)| r == "v3"),
    );

    let blocked = site.run(&["deploy", "v4"], None).await?;
    teller.say(&format!(
        "deploy v4 (drops a column, no way back): {}",
        outcome(&blocked)
    ));
    checks.expect("v4 is blocked (exit 3)", blocked.code == Some(3));
    checks.expect(
        "nothing changed for v4",
        schema(&site).await? == schema_before,
    );
    checks.expect("v2 still runs", running(&client, &site).await == "v2");

    let killed = site
        .run(&["deploy", "v5"], Some("post gate: started"))
        .await?;
    checks.expect(
        "ripcord was killed in the middle of v5",
        killed.code.is_none(),
    );
    teller.say("deploy v5: ripcord is killed with SIGKILL after it activated v5");
    let resumed = site.run(&["resume"], None).await?;
    teller.say(&format!("resume: {}", outcome(&resumed)));
    let serving = running(&client, &site).await;
    let expected = if resumed.code == Some(0) { "v5" } else { "v2" };
    checks.expect(
        "resume ended verified (exit 0 or 1)",
        matches!(resumed.code, Some(0 | 1)),
    );
    checks.expect("what runs is what resume says", serving == expected);

    let status = site.run(&["status"], None).await?;
    checks.expect("the lease is free", status.json["lease"].is_null());
    let seen = customers.leave().await;
    let present = present(&postgres, &seen).await?;
    let seeded_after = seeded(&postgres).await?;
    site.close().await?;

    checks.expect(
        "every acknowledged order is there",
        present == seen.orders.len(),
    );
    checks.expect(
        "the seeded orders are unchanged",
        seeded_before == seeded_after,
    );
    let held = checks.0.iter().all(|(_, holds)| *holds);
    let summary = json!({
        "schema": 1,
        "held": held,
        "release_serving": serving,
        "requests_served": seen.served,
        "requests_failed": seen.failed,
        "seconds_from_first_bad_answer_to_verified_rollback": seconds,
        "seeded": {
            "rows_before": seeded_before.0, "rows_after": seeded_after.0,
            "hash_before": seeded_before.1, "hash_after": seeded_after.1,
        },
        "acknowledged_writes": {"remembered": seen.orders.len(), "present": present},
        "checks": checks.0.iter().map(|(what, holds)| json!({"check": what, "holds": holds})).collect::<Vec<_>>(),
        "seconds": teller.0.elapsed().as_secs_f64(),
    });
    std::fs::write(
        site.folder.join("summary.json"),
        serde_json::to_vec_pretty(&summary)?,
    )?;
    print(&summary);
    Ok(held)
}

fn print(summary: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out);
    for check in summary["checks"].as_array().into_iter().flatten() {
        let mark = if check["holds"] == true {
            "held  "
        } else {
            "FAILED"
        };
        let _ = writeln!(
            out,
            "{mark}  {}",
            check["check"].as_str().unwrap_or_default()
        );
    }
    let _ = writeln!(
        out,
        "\nserving {}; {} requests served, {} failed; {:.1} s from the first bad answer to the verified rollback;\n\
         {} seeded orders with the same hash before and after; {} of {} acknowledged orders present",
        summary["release_serving"].as_str().unwrap_or_default(),
        summary["requests_served"],
        summary["requests_failed"],
        summary["seconds_from_first_bad_answer_to_verified_rollback"]
            .as_f64()
            .unwrap_or_default(),
        summary["seeded"]["rows_after"],
        summary["acknowledged_writes"]["present"],
        summary["acknowledged_writes"]["remembered"],
    );
}

fn outcome(said: &Said) -> String {
    let text = said.json["outcome"].as_str().unwrap_or("no answer");
    match said.code {
        Some(code) => format!("{text} (exit {code})"),
        None => "killed".to_owned(),
    }
}

fn client() -> Result<Client> {
    let tls = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()?
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .pool_max_idle_per_host(0)
        .build()?)
}

pub(crate) async fn connect(url: &str) -> Result<Postgres> {
    Conninfo::parse(url, &Nothing)?
        .connect()
        .await
        .context("cannot connect to PostgreSQL")
}

async fn wait_for_orders(customers: &Customers) -> Result<()> {
    tokio::time::timeout(Duration::from_secs(30), async {
        while customers.seen().orders.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .context("no order was acknowledged in 30 s")
}

/// Number and content hash of the seeded rows.
async fn seeded(postgres: &Postgres) -> Result<(i64, String)> {
    let row = postgres
        .query_one(
            "SELECT count(*), md5(string_agg(md5(id || item || coalesce(note, '')), '' ORDER BY id))
             FROM orders WHERE id <= $1",
            &[&SEEDED],
        )
        .await?;
    Ok((row.get(0), row.get(1)))
}

fn short(seeded: &(i64, String)) -> &str {
    seeded.1.get(..12).unwrap_or_default()
}

/// The schema as pg_dump writes it: a second opinion beside Ripcord's own fingerprint.
async fn schema(site: &Site) -> Result<String> {
    let output = tokio::process::Command::new("pg_dump")
        .args(["--schema-only", "--no-owner"])
        .env("PGDATABASE", "shop")
        .envs(Conninfo::parse(&site.database_url, &Nothing)?.libpq_env())
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "pg_dump failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    // Newer pg_dumps write a random key into \restrict lines.
    Ok(text
        .lines()
        .filter(|l| !l.starts_with("\\restrict") && !l.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n"))
}

async fn running(client: &Client, site: &Site) -> String {
    match client
        .get(format!("{}/health/live", site.base))
        .send()
        .await
    {
        Ok(answer) => answer
            .headers()
            .get("x-release")
            .and_then(|v| v.to_str().ok())
            .unwrap_or("unnamed")
            .to_owned(),
        Err(_) => "nobody".to_owned(),
    }
}

/// How many of the acknowledged orders are in the database, with the item that was ordered.
async fn present(postgres: &Postgres, seen: &Seen) -> Result<usize> {
    let ids: Vec<i64> = seen.orders.iter().map(|(id, _)| *id).collect();
    let items: Vec<&str> = seen.orders.iter().map(|(_, item)| item.as_str()).collect();
    let row = postgres
        .query_one(
            "SELECT count(*) FROM unnest($1::bigint[], $2::text[]) AS sent (id, item) JOIN orders USING (id, item)",
            &[&ids, &items],
        )
        .await?;
    Ok(usize::try_from(row.get::<_, i64>(0))?)
}
