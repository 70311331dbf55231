//! Creating and reading orders.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ripcord_conninfo::Conninfo;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;
use tokio_postgres::Client;

use crate::sql::Sql;

/// The database behind the service. A lost connection is opened again by the next request.
#[derive(Debug)]
pub(crate) struct Store {
    conninfo: Conninfo,
    sql: Sql,
    client: RwLock<Option<Arc<Client>>>,
}

impl Store {
    pub(crate) fn new(conninfo: Conninfo, sql: Sql) -> Self {
        Self {
            conninfo,
            sql,
            client: RwLock::new(None),
        }
    }

    async fn client(&self) -> Result<Arc<Client>, StatusCode> {
        if let Some(client) = self.client.read().await.as_ref().filter(|c| !c.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let mut slot = self.client.write().await;
        if let Some(client) = slot.as_ref().filter(|c| !c.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = self
            .conninfo
            .connect()
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let client = Arc::new(client);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewOrder {
    item: String,
    note: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Created {
    id: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Order {
    id: i64,
    item: String,
    note: Option<String>,
}

pub(crate) async fn create(
    State(store): State<Arc<Store>>,
    Json(order): Json<NewOrder>,
) -> Result<(StatusCode, Json<Created>), StatusCode> {
    let client = store.client().await?;
    let row = client
        .query_one(store.sql.insert.as_str(), &[&order.item, &order.note])
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::CREATED, Json(Created { id: row.get(0) })))
}

pub(crate) async fn read(
    State(store): State<Arc<Store>>,
    Path(id): Path<i64>,
) -> Result<Json<Order>, StatusCode> {
    let client = store.client().await?;
    let row = client
        .query_opt(store.sql.select.as_str(), &[&id])
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?
        .ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(Order {
        id,
        item: row.get(0),
        note: row.get(1),
    }))
}
