//! How do I put health endpoints into my axum service?
//!
//! `/health/live` is answered from memory, `/health/ready` asks the checks (cached, never twice at once),
//! `/health/detailed` shows each check without error texts.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ripcord_health_probe::HealthCheck;
use ripcord_health_probe::checks::{DiskCheck, HttpCheck, HttpClient, HttpConfig, Origin};
use ripcord_health_probe::endpoint::HealthEndpoints;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let disk = DiskCheck::new("disk", ".", 1 << 20);
    let health = HealthEndpoints::new("shop", Some("v1".into()))
        .with(Arc::new(disk))
        .with_ttl(Duration::from_secs(5));

    // Your routes, merged with the four health routes.
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .merge(health.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    // What a deployment gate asks, and how it knows which release answered.
    let mut ask = HttpConfig::default();
    ask.release = Some(Origin::Header("x-release".into()));
    let url = format!("http://{address}/health/ready");
    let answer = HttpCheck::new("shop", &url, ask, &HttpClient::new()?)?
        .check()
        .await;
    println!(
        "{}: {} by release {}",
        answer.name,
        answer.verdict.as_str(),
        answer.release.as_deref().unwrap_or("?")
    );

    server.abort();
    anyhow::ensure!(
        answer.release.as_deref() == Some("v1"),
        "the service says which release it is"
    );
    Ok(())
}
