//! The Slack channel against scripted servers and byte-level peers.

use std::time::Duration;

use jiff::Timestamp;
use ripcord_notify::channels::{HttpClient, Slack};
use ripcord_notify::test_util::conformance;
use ripcord_notify::{Error, ErrorKind, Message, Notifier, Receipt, Resend, Secret, Severity};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::peers::{self, After};

const HOOK: &str = "services/T0SECRET/B0SECRET/xyzSECRETxyz";

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn slack(origin: &str) -> Slack {
    let url = Secret::new(format!("{origin}/{HOOK}"));
    Slack::new("team", &url, &HttpClient::new().unwrap()).unwrap()
}

fn message() -> Message {
    Message::new("d1", 1, "rolled <back>", Timestamp::UNIX_EPOCH)
        .with_severity(Severity::Critical)
        .with_text("because of & more")
        .with_fact("release", "v3")
}

async fn send(answer: ResponseTemplate) -> Result<Receipt, Error> {
    slack(&server(answer).await.uri()).send(&message()).await
}

async fn kind(answer: ResponseTemplate) -> ErrorKind {
    send(answer).await.unwrap_err().kind()
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string("ok")
}

#[tokio::test]
async fn a_message_with_its_colour_and_facts() {
    let server = server(ok()).await;
    slack(&server.uri()).send(&message()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), format!("/{HOOK}"));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["color"], "#c0392b");
    assert_eq!(attachment["title"], "rolled &lt;back&gt;");
    assert_eq!(attachment["text"], "because of &amp; more");
    assert_eq!(attachment["fields"][0]["title"], "release");
    assert_eq!(attachment["fields"][0]["value"], "v3");
}

#[tokio::test]
async fn two_hundred_alone_is_no_delivery() {
    assert!(send(ok()).await.is_ok());
    let good = ResponseTemplate::new(200).set_body_json(json!({ "ok": true }));
    assert!(send(good).await.is_ok());
    let refused = |error: &str| {
        ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": error }))
    };
    assert_eq!(kind(refused("ratelimited")).await, ErrorKind::RateLimited);
    assert_eq!(
        kind(refused("channel_not_found")).await,
        ErrorKind::Rejected
    );
    assert_eq!(kind(refused("internal_error")).await, ErrorKind::Peer);
    let portal = ResponseTemplate::new(200).set_body_string("<html>Please log in</html>");
    assert_eq!(kind(portal).await, ErrorKind::Ambiguous);
}

#[tokio::test]
async fn each_status_is_of_its_kind() {
    for (status, expected) in [
        (302, ErrorKind::Rejected),
        (400, ErrorKind::Rejected),
        (403, ErrorKind::Rejected),
        (404, ErrorKind::Rejected),
        (408, ErrorKind::Peer),
        (410, ErrorKind::Rejected),
        (425, ErrorKind::Peer),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Peer),
        (503, ErrorKind::Peer),
    ] {
        assert_eq!(
            kind(ResponseTemplate::new(status)).await,
            expected,
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = server(ok()).await;
    let moved = ResponseTemplate::new(307).insert_header("location", elsewhere.uri().as_str());
    assert_eq!(kind(moved).await, ErrorKind::Rejected);
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_pause_is_found_wherever_it_stands() {
    let wait = |answer| async { send(answer).await.unwrap_err().retry_after() };
    let limited = || ResponseTemplate::new(429);
    let seconds = limited().insert_header("retry-after", "30");
    assert_eq!(wait(seconds).await, Some(Duration::from_secs(30)));
    let body = limited().set_body_json(json!({ "retry_after": 1.5 }));
    assert_eq!(wait(body).await, Some(Duration::from_millis(1500)));
    let later = Timestamp::now() + jiff::SignedDuration::from_secs(3600);
    let date = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let dated = limited().insert_header("retry-after", date.as_str());
    let asked = wait(dated).await.unwrap();
    assert!(asked > Duration::from_secs(3000) && asked <= Duration::from_secs(3600));
    let in_body = ResponseTemplate::new(200)
        .insert_header("retry-after", "7")
        .set_body_json(json!({ "ok": false, "error": "ratelimited" }));
    assert_eq!(wait(in_body).await, Some(Duration::from_secs(7)));
    assert_eq!(wait(limited()).await, None);
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "9");
    assert_eq!(wait(busy).await, Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn not_reached_and_not_answered_are_different() {
    let refused = peers::refusing().await;
    let error = slack(&format!("http://{refused}"))
        .send(&message())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(!error.maybe_delivered());

    for bytes in [&b""[..], b"HTTP/1.1 200 O"] {
        let cut = peers::saying(bytes, After::Close).await;
        let error = slack(&format!("http://{cut}"))
            .send(&message())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous);
        assert!(error.maybe_delivered());
    }
    // A webhook does not know our ids.
    assert_eq!(
        slack("http://localhost").capabilities().resend,
        Resend::ShowsTwice
    );
}

#[tokio::test]
async fn the_url_is_the_credential_and_is_shown_nowhere() {
    const PLANTED: [&str; 5] = [
        "SECRET",
        "services/",
        "T0SECRET",
        "B0SECRET",
        "xyzSECRETxyz",
    ];
    let echo = format!("Cannot POST /{HOOK} <b>xyzSECRETxyz</b>");
    let servers = [
        server(ok()).await,
        server(ResponseTemplate::new(404).set_body_string(&echo)).await,
        server(ResponseTemplate::new(500).set_body_string(&echo)).await,
        server(ResponseTemplate::new(200).set_body_string(&echo)).await,
    ];
    let mut origins: Vec<String> = servers.iter().map(MockServer::uri).collect();
    origins.push(format!("http://{}", peers::refusing().await));
    origins.push(format!(
        "http://{}",
        peers::saying(b"garbage", After::Close).await
    ));
    origins.push(format!(
        "https://{}",
        peers::saying(b"garbage", After::Close).await
    ));
    for origin in origins {
        let broken = conformance(&slack(&origin), Duration::from_secs(20), &PLANTED).await;
        assert_eq!(broken, [""; 0], "{origin}");
    }
    let url = Secret::new("ftp://host/xyzSECRETxyz");
    let error = Slack::new("team", &url, &HttpClient::new().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(!format!("{error} {error:?} {url} {url:?}").contains("SECRET"));
}
