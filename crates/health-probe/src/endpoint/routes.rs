//! The four routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use super::readiness::Readiness;
use super::render::{Shown, Status};
use crate::round::Weighted;
use crate::{Critical, HealthCheck};

const X_RELEASE: HeaderName = HeaderName::from_static("x-release");
const X_INSTANCE: HeaderName = HeaderName::from_static("x-instance");
const HEALTH_JSON: &str = "application/health+json";

/// Builds the health routes of a service.
///
/// | route | asks | 503 when |
/// |---|---|---|
/// | `/health/live` | nothing: the process answers | never |
/// | `/health/simple` | the checks; shows the status only | a critical check does not pass |
/// | `/health/detailed` | the checks; shows each | a critical check does not pass |
/// | `/health/ready` | the checks; shows each | that, or maintenance is on |
///
/// The body is `{"status","checks"}` with `healthy`, `unhealthy` or `maintenance`, or
/// `application/health+json` when `Accept` asks for it. No error text is ever in it. All routes but
/// `live` share one cached measurement. Each answer names the release in `X-Release`.
///
/// Put the router before authentication and maintenance layers.
#[derive(Debug)]
pub struct HealthEndpoints {
    service: String,
    release: Option<String>,
    instance: Option<String>,
    checks: Vec<Weighted>,
    ttl: Duration,
    check_timeout: Duration,
    maintenance: Maintenance,
}

/// The switch that takes a service out of `/health/ready`; cheap to clone.
///
/// `/health/live` stays 200, so nobody restarts a service because it is being worked on.
#[derive(Clone, Debug, Default)]
pub struct Maintenance(Arc<AtomicBool>);

impl Maintenance {
    /// From now on not ready.
    pub fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// From now on as ready as the checks say.
    pub fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl HealthEndpoints {
    /// The endpoints of `service`, running `release` if it knows it.
    pub fn new(service: impl Into<String>, release: Option<String>) -> Self {
        Self {
            service: service.into(),
            release,
            instance: None,
            checks: Vec::new(),
            ttl: Duration::from_secs(2),
            check_timeout: Duration::from_secs(2),
            maintenance: Maintenance::default(),
        }
    }

    /// Adds a check that decides.
    #[must_use]
    pub fn with(self, check: Arc<dyn HealthCheck>) -> Self {
        self.with_weight(check, Critical::Yes)
    }

    /// Adds a check, and whether it decides.
    #[must_use]
    pub fn with_weight(mut self, check: Arc<dyn HealthCheck>, critical: Critical) -> Self {
        self.checks.push(Weighted { check, critical });
        self
    }

    /// Names the instance in `X-Instance`.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// How long a measurement is good for, whether it is good or bad news. 2 s by default.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long a check may take before it counts as broken. 2 s by default; keep it below the
    /// timeout of whoever probes.
    #[must_use]
    pub fn with_check_timeout(mut self, limit: Duration) -> Self {
        self.check_timeout = limit;
        self
    }

    /// The switch for maintenance.
    #[must_use]
    pub fn maintenance(&self) -> Maintenance {
        self.maintenance.clone()
    }

    /// The routes, to merge into the service's router.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let header = |v: Option<&String>| v.and_then(|v| HeaderValue::from_str(v).ok());
        let app = Arc::new(App {
            release_header: header(self.release.as_ref()),
            instance_header: header(self.instance.as_ref()),
            readiness: Arc::new(Readiness::new(self.checks, self.ttl, self.check_timeout)),
            service: self.service,
            release: self.release,
            maintenance: self.maintenance,
        });
        Router::new()
            .route("/health/live", get(live))
            .route("/health/simple", get(simple))
            .route("/health/detailed", get(detailed))
            .route("/health/ready", get(ready))
            .with_state(app)
    }
}

struct App {
    service: String,
    release: Option<String>,
    release_header: Option<HeaderValue>,
    instance_header: Option<HeaderValue>,
    readiness: Arc<Readiness>,
    maintenance: Maintenance,
}

async fn live(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    app.answer(&headers, Status::Healthy, None)
}

async fn simple(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    let snapshot = app.readiness.snapshot().await;
    app.answer(&headers, Status::of(snapshot.verdict), None)
}

async fn detailed(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    let snapshot = app.readiness.snapshot().await;
    app.answer(&headers, Status::of(snapshot.verdict), Some(&snapshot))
}

async fn ready(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    let snapshot = app.readiness.snapshot().await;
    let status = if app.maintenance.is_on() {
        Status::Maintenance
    } else {
        Status::of(snapshot.verdict)
    };
    app.answer(&headers, status, Some(&snapshot))
}

impl App {
    fn answer(
        &self,
        asked: &HeaderMap,
        status: Status,
        snapshot: Option<&super::readiness::Snapshot>,
    ) -> Response {
        let shown = Shown {
            service: &self.service,
            release: self.release.as_deref(),
            status,
            snapshot,
        };
        let wants_health_json = asked
            .get_all(ACCEPT)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .any(|v| v.contains(HEALTH_JSON));
        let (kind, body) = if wants_health_json {
            (HEALTH_JSON, shown.health_json())
        } else {
            ("application/json", shown.plain())
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = if status.is_good() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(release) = &self.release_header {
            headers.insert(X_RELEASE, release.clone());
        }
        if let Some(instance) = &self.instance_header {
            headers.insert(X_INSTANCE, instance.clone());
        }
        response
    }
}
