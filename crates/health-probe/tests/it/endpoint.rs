//! The embedded endpoints, over a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use reqwest::{Client, Response};
use ripcord_health_probe::checks::{HttpCheck, HttpClient, HttpConfig, Origin};
use ripcord_health_probe::endpoint::HealthEndpoints;
use ripcord_health_probe::test_util::ScriptedCheck;
use ripcord_health_probe::{CheckResult, Critical, Gate, HealthCheck, Reason, Verdict};
use serde_json::{Value, json};

async fn serve(endpoints: HealthEndpoints) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router: axum::Router = endpoints.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/health")
}

fn client() -> Client {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap()
}

async fn get(url: String) -> Response {
    client().get(url).send().await.unwrap()
}

async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn failing(name: &str) -> Arc<ScriptedCheck> {
    let result = CheckResult::fail(name, Reason::Auth, "password=S3CRET refused by db.internal");
    Arc::new(ScriptedCheck::new(name, [result]))
}

fn endpoints() -> HealthEndpoints {
    HealthEndpoints::new("shop", Some("v2".into()))
}

#[tokio::test]
async fn healthy() {
    let base = serve(endpoints().with(Arc::new(ScriptedCheck::passing("db")))).await;
    for route in ["simple", "detailed", "ready", "live"] {
        let response = get(format!("{base}/{route}")).await;
        assert_eq!(response.status(), 200, "{route}");
        assert_eq!(response.headers()["x-release"], "v2");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let json = body(response).await;
        assert_eq!(json["status"], "healthy");
        let shows_checks = matches!(route, "detailed" | "ready");
        let checks = json!({ "db": { "status": "healthy", "reason": "ok" } });
        let expected = if shows_checks { checks } else { json!({}) };
        assert_eq!(json["checks"], expected, "{route}");
    }
}

#[tokio::test]
async fn unhealthy_without_a_word_of_why() {
    let base = serve(endpoints().with(failing("db"))).await;
    for route in ["simple", "detailed", "ready"] {
        let response = get(format!("{base}/{route}")).await;
        assert_eq!(response.status(), 503, "{route}");
        assert_eq!(response.headers()["x-release"], "v2");
        let text = response.text().await.unwrap();
        assert!(text.contains("unhealthy"));
        assert!(
            !text.contains("S3CRET") && !text.contains("internal"),
            "{text}"
        );
    }
    assert_eq!(get(format!("{base}/live")).await.status(), 200);
}

#[tokio::test]
async fn a_check_that_only_warns_does_not_make_it_unready() {
    let base = serve(
        endpoints()
            .with(Arc::new(ScriptedCheck::passing("db")))
            .with_weight(failing("cache"), Critical::No),
    )
    .await;
    let response = get(format!("{base}/ready")).await;
    assert_eq!(response.status(), 200);
    let json = body(response).await;
    assert_eq!(json["checks"]["cache"]["status"], "unhealthy");
    assert_eq!(json["checks"]["cache"]["critical"], false);
}

#[tokio::test]
async fn health_json_for_who_asks() {
    let base = serve(
        endpoints()
            .with(Arc::new(ScriptedCheck::passing("db")))
            .with_weight(failing("cache"), Critical::No),
    )
    .await;
    let response = client()
        .get(format!("{base}/detailed"))
        .header("accept", "text/html, application/health+json;q=0.9")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/health+json"
    );
    let json = body(response).await;
    assert_eq!(json["status"], "warn");
    assert_eq!(json["releaseId"], "v2");
    assert_eq!(json["serviceId"], "shop");
    assert_eq!(json["checks"]["db"][0]["status"], "pass");
    assert_eq!(json["checks"]["cache"][0]["status"], "warn");
    assert!(!json.to_string().contains("S3CRET"));
}

#[tokio::test]
async fn maintenance_is_not_ready_and_stays_alive() {
    let endpoints = endpoints().with(Arc::new(ScriptedCheck::passing("db")));
    let switch = endpoints.maintenance();
    let base = serve(endpoints).await;
    switch.begin();
    assert!(switch.is_on());
    let response = get(format!("{base}/ready")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(body(response).await["status"], "maintenance");
    for route in ["live", "simple", "detailed"] {
        assert_eq!(get(format!("{base}/{route}")).await.status(), 200);
    }
    switch.end();
    assert_eq!(get(format!("{base}/ready")).await.status(), 200);
}

/// Answers after a while, and knows how many asked at the same time.
#[derive(Debug, Default)]
struct Counting {
    calls: AtomicU32,
    now: AtomicU32,
    most: AtomicU32,
}

#[async_trait]
impl HealthCheck for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    async fn check(&self) -> CheckResult {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        CheckResult::fail("counting", Reason::Unknown, "")
    }
}

#[tokio::test]
async fn a_herd_is_one_question_and_bad_news_is_kept_too() {
    let counting = Arc::new(Counting::default());
    let base = serve(
        endpoints()
            .with(Arc::clone(&counting) as Arc<dyn HealthCheck>)
            .with_ttl(Duration::from_secs(3600)),
    )
    .await;
    let client = client();
    let ask = || client.get(format!("{base}/ready")).send();
    let herd = join_all((0..50).map(|_| ask())).await;
    assert!(herd.into_iter().all(|r| r.unwrap().status() == 503));
    assert_eq!(ask().await.unwrap().status(), 503);
    assert_eq!(counting.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_hangs_up_does_not_start_another_question() {
    let counting = Arc::new(Counting::default());
    let base = serve(
        endpoints()
            .with(Arc::clone(&counting) as Arc<dyn HealthCheck>)
            .with_ttl(Duration::ZERO),
    )
    .await;
    let client = client();
    for _ in 0..20 {
        let ask = client.get(format!("{base}/ready")).send();
        let _ = tokio::time::timeout(Duration::from_millis(10), ask).await;
    }
    let answered = client.get(format!("{base}/ready")).send().await.unwrap();
    assert_eq!(answered.status(), 503);
    assert_eq!(counting.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_hanging_check_is_bounded_and_unknown_is_not_ready() {
    let base = serve(
        endpoints()
            .with(Arc::new(ScriptedCheck::hanging("db")))
            .with_check_timeout(Duration::from_millis(50)),
    )
    .await;
    let response = get(format!("{base}/ready")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(body(response).await["checks"]["db"]["reason"], "timeout");
}

#[tokio::test]
async fn our_own_check_understands_our_own_endpoint() {
    let endpoints = endpoints()
        .with(Arc::new(ScriptedCheck::passing("db")))
        .with_instance("host-1");
    let base = serve(endpoints).await;
    let mut config = HttpConfig::default();
    config
        .expect
        .json
        .insert("$.status".into(), json!("healthy"));
    config.release = Some(Origin::Header("X-Release".into()));
    config.instance = Some(Origin::Header("X-Instance".into()));
    let url = format!("{base}/ready");
    let check = HttpCheck::new("web", &url, config, &HttpClient::new().unwrap()).unwrap();
    let gate = Gate::default().with(Arc::new(check));
    assert_eq!(gate.run_once(Some("v2")).await.verdict, Verdict::Pass);
    let report = gate.run_once(Some("v3")).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.seen[0].instance.as_deref(), Some("host-1"));
}

#[tokio::test]
async fn without_checks_answering_is_being_ready() {
    let base = serve(HealthEndpoints::new("shop", None)).await;
    let response = get(format!("{base}/ready")).await;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("x-release"));
}
