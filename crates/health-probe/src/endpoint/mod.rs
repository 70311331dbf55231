//! Health endpoints to embed in an axum service.

mod readiness;
mod render;
mod routes;

pub use routes::{HealthEndpoints, Maintenance};
