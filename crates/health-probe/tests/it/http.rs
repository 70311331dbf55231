//! The HTTP check against scripted servers and byte-level peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ripcord_health_probe::checks::{HttpCheck, HttpClient, HttpConfig, Login, Origin};
use ripcord_health_probe::test_util::conformance;
use ripcord_health_probe::{CheckResult, ErrorKind, HealthCheck, Reason, Verdict};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::peers::{self, After};

fn check(url: &str, config: HttpConfig) -> HttpCheck {
    HttpCheck::new("web", url, config, &HttpClient::new().unwrap()).unwrap()
}

async fn ask(url: &str, config: HttpConfig) -> CheckResult {
    check(url, config).check().await
}

fn quick() -> HttpConfig {
    let mut config = HttpConfig::default();
    config.timeout = Duration::from_millis(400);
    config
}

/// A server that answers everything with this.
async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn outcome(result: &CheckResult) -> (Verdict, Reason) {
    (result.verdict, result.reason)
}

#[tokio::test]
async fn status() {
    let good = server(ResponseTemplate::new(200)).await;
    let result = ask(&good.uri(), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Pass, Reason::Ok));
    assert_eq!(result.http_status(), Some(200));

    let mut config = HttpConfig::default();
    config.expect.status = 204;
    let result = ask(&good.uri(), config).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::HttpStatus));
    assert_eq!(result.detail, "expected status 204, got 200");

    let closed = server(ResponseTemplate::new(403)).await;
    let result = ask(&closed.uri(), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Auth));
}

#[tokio::test]
async fn redirects_are_an_answer_and_not_followed() {
    let elsewhere = server(ResponseTemplate::new(200)).await;
    let here =
        server(ResponseTemplate::new(302).insert_header("location", elsewhere.uri().as_str()))
            .await;
    let result = ask(&here.uri(), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::HttpStatus));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn json_fields() {
    let body = json!({ "status": "healthy", "checks": [{ "ok": true }, { "ok": false }] });
    let server = server(ResponseTemplate::new(200).set_body_json(body)).await;
    let expecting = |path: &str, value| {
        let mut config = HttpConfig::default();
        config.expect.json.insert(path.to_owned(), value);
        config
    };
    let good = expecting("$.status", json!("healthy"));
    assert_eq!(ask(&server.uri(), good).await.verdict, Verdict::Pass);
    let good = expecting("$.checks[0].ok", json!(true));
    assert_eq!(ask(&server.uri(), good).await.verdict, Verdict::Pass);
    for (path, value) in [
        ("$.status", json!("degraded")),
        ("$.missing", json!(null)),
        ("$.checks[*].ok", json!(true)),
    ] {
        let result = ask(&server.uri(), expecting(path, value)).await;
        assert_eq!(outcome(&result), (Verdict::Fail, Reason::BodyMismatch));
        assert!(result.detail.contains(path), "{}", result.detail);
    }
}

#[tokio::test]
async fn something_else_than_json() {
    let server = server(ResponseTemplate::new(200).set_body_string("<html>ok</html>")).await;
    let mut config = HttpConfig::default();
    config.expect.json.insert("$.status".into(), json!("ok"));
    let result = ask(&server.uri(), config).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::BodyMismatch));
}

#[tokio::test]
async fn body_headers_and_latency() {
    let answer = ResponseTemplate::new(200)
        .set_body_string("all systems go")
        .insert_header("x-kind", "blue");
    let fast = server(answer.clone()).await;
    let mut config = HttpConfig::default();
    config.expect.body_contains = Some("systems".into());
    config.expect.headers.insert("X-Kind".into(), "blue".into());
    config.expect.within = Some(Duration::from_secs(60));
    assert_eq!(
        ask(&fast.uri(), config.clone()).await.verdict,
        Verdict::Pass
    );

    let mut other = config.clone();
    other.expect.body_contains = Some("systems stop".into());
    assert_eq!(ask(&fast.uri(), other).await.reason, Reason::BodyMismatch);
    for value in ["green", "blu"] {
        let mut other = config.clone();
        other.expect.headers.insert("X-Kind".into(), value.into());
        assert_eq!(ask(&fast.uri(), other).await.reason, Reason::BodyMismatch);
    }

    let slow = server(answer.set_delay(Duration::from_millis(300))).await;
    config.expect.within = Some(Duration::from_millis(100));
    let result = ask(&slow.uri(), config).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::TooSlow));
}

#[tokio::test]
async fn the_release_and_the_instance_that_answered() {
    let answer = ResponseTemplate::new(500)
        .insert_header("x-release", "v3")
        .set_body_json(json!({ "host": { "id": 7 } }));
    let named = server(answer).await;
    let mut config = HttpConfig::default();
    config.release = Some(Origin::Header("X-Release".into()));
    config.instance = Some(Origin::Json("$.host.id".into()));
    let result = ask(&named.uri(), config.clone()).await;
    assert_eq!(result.reason, Reason::HttpStatus);
    assert_eq!(result.release.as_deref(), Some("v3"));
    assert_eq!(result.instance.as_deref(), Some("7"));

    let nameless = server(ResponseTemplate::new(200)).await;
    let result = ask(&nameless.uri(), config).await;
    assert_eq!(outcome(&result), (Verdict::Pass, Reason::ReleaseUnknown));
}

#[tokio::test]
async fn a_login_and_then_the_call() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/login"))
        .and(body_json(json!({ "user": "probe", "password": "p4ss" })))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({ "data": { "token": "t0ken" } })),
        )
        .mount(&server)
        .await;
    Mock::given(path("/private"))
        .and(header("authorization", "Bearer t0ken"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let login = |credentials: &str, token: &str| {
        let mut config = HttpConfig::default();
        let url = format!("{}/login", server.uri());
        config.login = Some(Login::new(url, credentials, token));
        config
    };
    let private = format!("{}/private", server.uri());
    let good = r#"{"user":"probe","password":"p4ss"}"#;
    let result = ask(&private, login(good, "$.data.token")).await;
    assert_eq!(outcome(&result), (Verdict::Pass, Reason::Ok));
    let result = ask(&private, login(good, "$.token")).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::BodyMismatch));
    let result = ask(&private, login("{}", "$.data.token")).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::HttpStatus));
    let result = ask(&private, HttpConfig::default()).await;
    assert_eq!(result.verdict, Verdict::Fail);
}

#[tokio::test]
async fn a_refused_login_is_an_auth_failure() {
    let server = server(ResponseTemplate::new(401)).await;
    let mut config = HttpConfig::default();
    config.login = Some(Login::new(server.uri(), "{}", "$.token"));
    let result = ask(&server.uri(), config).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Auth));
}

#[tokio::test]
async fn every_way_of_not_answering_has_its_reason() {
    let url = |address: std::net::SocketAddr| format!("http://{address}/");
    let refused = ask(&url(peers::refusing().await), quick()).await;
    assert_eq!(outcome(&refused), (Verdict::Fail, Reason::ConnectRefused));

    let silent = ask(&url(peers::hanging().await), quick()).await;
    assert_eq!(outcome(&silent), (Verdict::Fail, Reason::Timeout));

    let half_a_header = peers::saying(b"HTTP/1.1 200 OK\r\nContent-Le", After::Hold).await;
    let result = ask(&url(half_a_header), quick()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Timeout));

    let half_a_body = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":";
    let held = peers::saying(half_a_body, After::Hold).await;
    assert_eq!(ask(&url(held), quick()).await.reason, Reason::Timeout);
    let cut = peers::saying(half_a_body, After::Close).await;
    let result = ask(&url(cut), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Protocol));

    let other = peers::saying(b"SSH-2.0-OpenSSH_9.2\r\n", After::Close).await;
    let result = ask(&url(other), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Protocol));

    let empty = peers::saying(b"", After::Close).await;
    let result = ask(&url(empty), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Protocol));

    let plain = peers::saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", After::Close).await;
    let result = ask(&format!("https://{plain}/"), HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Tls));

    let result = ask("http://no-such-host.invalid/", HttpConfig::default()).await;
    assert_eq!(outcome(&result), (Verdict::SourceBroken, Reason::Dns));
}

#[tokio::test]
async fn an_endless_body_is_read_to_its_limit() {
    let large = "x".repeat(3 << 20);
    let server = server(ResponseTemplate::new(200).set_body_string(large)).await;
    let result = ask(&server.uri(), HttpConfig::default()).await;
    assert_eq!(result.verdict, Verdict::Pass);
    let mut config = HttpConfig::default();
    config.expect.body_contains = Some("x".into());
    let result = ask(&server.uri(), config).await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::BodyMismatch));
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let client = HttpClient::new().unwrap();
    let new = |url: &str, config| HttpCheck::new("web", url, config, &client).map(|_| ());
    for url in ["", "localhost:80", "ftp://host/", "http://"] {
        let error = new(url, HttpConfig::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Address, "{url}");
    }
    let url = "http://localhost/";
    let mut config = HttpConfig::default();
    config.expect.json.insert("status".into(), json!(1));
    assert_eq!(new(url, config).unwrap_err().kind(), ErrorKind::Setting);
    let mut config = HttpConfig::default();
    config.expect.status = 2000;
    assert_eq!(new(url, config).unwrap_err().kind(), ErrorKind::Setting);
    let mut config = HttpConfig::default();
    config.headers = vec![("a b".into(), "c".into())];
    assert_eq!(new(url, config).unwrap_err().kind(), ErrorKind::Setting);
    let mut config = HttpConfig::default();
    config.release = Some(Origin::Header("a\nb".into()));
    assert_eq!(new(url, config).unwrap_err().kind(), ErrorKind::Setting);
}

#[tokio::test]
async fn planted_secrets_are_shown_nowhere() {
    const PLANTED: [&str; 5] = [
        "S3CRET-USER",
        "S3CRET-PASS",
        "S3CRET-QUERY",
        "S3CRET-HEAD",
        "S3CRET-CRED",
    ];
    let echoing = server(ResponseTemplate::new(500).set_body_string(PLANTED.join(" "))).await;
    let addresses = [
        echoing.address().to_owned(),
        peers::refusing().await,
        peers::hanging().await,
        peers::saying(b"garbage", After::Close).await,
    ];
    for address in addresses {
        for with_login in [false, true] {
            let mut config = quick();
            config.headers = vec![("x-api-key".into(), "S3CRET-HEAD".into())];
            let url = format!("http://S3CRET-USER:S3CRET-PASS@{address}/?key=S3CRET-QUERY");
            if with_login {
                config.login = Some(Login::new(url.as_str(), "\"S3CRET-CRED\"", "$.token"));
            }
            assert!(!format!("{config:?}").contains("S3CRET"));
            let check = check(&url, config);
            let broken = conformance(&check, Duration::from_secs(20), &PLANTED).await;
            assert_eq!(broken, [""; 0]);
        }
    }
    let bad = "http://S3CRET-USER:S3CRET-PASS@[broken/?key=S3CRET-QUERY";
    let client = HttpClient::new().unwrap();
    let error = HttpCheck::new("web", bad, HttpConfig::default(), &client).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("S3CRET"));
}

#[tokio::test]
async fn every_question_has_a_connection_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                // Would gladly go on for ever on the same connection.
                while let Ok(1..) = stream.read(&mut [0; 4096]).await {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    let check = check(&url, HttpConfig::default());
    for asked in 1..=3 {
        assert_eq!(check.check().await.verdict, Verdict::Pass);
        assert_eq!(accepted.load(Ordering::SeqCst), asked);
    }
}
