//! A small real service: orders in PostgreSQL, health endpoints, graceful stop. Which release it is stands in
//! `release.json` in its folder; its releases differ in their SQL, as releases do, and one of them has a bug.

mod orders;
mod sql;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use ripcord_conninfo::{Conninfo, Surroundings, System};
use ripcord_health_probe::checks::{PostgresCheck, PostgresConfig};
use ripcord_health_probe::endpoint::HealthEndpoints;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Release {
    release: String,
    /// Where a release says something else to the database than those that are known by their name.
    insert: Option<String>,
    select: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let text = std::fs::read_to_string("release.json").context("read release.json")?;
    let Release {
        release,
        insert,
        select,
    } = serde_json::from_str(&text).context("read release.json")?;
    let mut sql = sql::of(&release);
    sql.insert = insert.unwrap_or(sql.insert);
    sql.select = select.unwrap_or(sql.select);
    let url = System
        .var("DATABASE_URL")
        .context("DATABASE_URL is not set")?;
    let address: SocketAddr = System
        .var("SHOP_ADDRESS")
        .context("SHOP_ADDRESS is not set")?
        .parse()
        .context("SHOP_ADDRESS is not an address")?;
    let conninfo = Conninfo::parse(&url, &System)?.with_application_name("shop");

    let database = PostgresCheck::new("database", conninfo.clone(), PostgresConfig::default());
    let health = HealthEndpoints::new("shop", Some(release.clone())).with(Arc::new(database));
    let store = Arc::new(orders::Store::new(conninfo, sql));
    let header = HeaderValue::from_str(&release)?;
    let app = Router::new()
        .route("/orders", post(orders::create))
        .route("/orders/{id}", get(orders::read))
        .with_state(store)
        .merge(health.router())
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let header = header.clone();
            async move {
                let mut response = next.run(request).await;
                response.headers_mut().insert("x-release", header);
                response
            }
        }));

    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(stopped())
        .await?;
    Ok(())
}

async fn stopped() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut term) => drop(term.recv().await),
        Err(_) => std::future::pending().await,
    }
}
