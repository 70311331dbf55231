//! The generic webhook, and the whole way through the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ripcord_notify::channels::{HttpClient, SIGNATURE_HEADER, Webhook, verify_signature};
use ripcord_notify::test_util::conformance;
use ripcord_notify::{
    Destination, Dispatcher, ErrorKind, Message, Notifier, Resend, RetryPolicy, Secret, Severity,
};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::peers::{self, After};

fn webhook(origin: &str) -> Webhook {
    let url = Secret::new(format!("{origin}/hook?key=S3CRET-KEY"));
    Webhook::new("ops", &url, &HttpClient::new().unwrap()).unwrap()
}

fn message() -> Message {
    Message::new("d1", 1, "hello", Timestamp::UNIX_EPOCH)
}

fn quick() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(10);
    policy
}

fn dispatcher(webhook: Webhook) -> Dispatcher {
    let destination = Destination::new(Arc::new(webhook), Severity::Info);
    Dispatcher::new(vec![destination], quick())
}

#[tokio::test]
async fn the_receiver_can_check_who_sent_it_and_knows_doubles() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(201).set_body_string(r#"{"id":"42"}"#);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let key = Secret::new("S3CRET-signing");
    let webhook = webhook(&server.uri()).with_secret(key.clone());
    let receipt = webhook.send(&message()).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("42"));
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["idempotency-key"], "d1-1");
    assert_eq!(request.headers["content-type"], "application/json");
    let signature = request.headers[SIGNATURE_HEADER].to_str().unwrap();
    let verify = |body: &[u8], key: &Secret| {
        verify_signature(
            key,
            signature,
            body,
            Timestamp::now(),
            Duration::from_secs(300),
        )
    };
    assert!(verify(&request.body, &key));
    assert!(!verify(b"{}", &key));
    assert!(!verify(&request.body, &Secret::new("other")));
    let broken = conformance(&webhook, Duration::from_secs(20), &["S3CRET"]).await;
    assert_eq!(broken, [""; 0]);
}

#[tokio::test]
async fn without_a_secret_there_is_no_signature() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    webhook(&server.uri()).send(&message()).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert!(!request.headers.contains_key(SIGNATURE_HEADER));
}

#[tokio::test]
async fn five_hundred_and_then_two_hundred() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let dispatcher = dispatcher(webhook(&server.uri()));
    dispatcher.post(message());
    let report = dispatcher.finish(Duration::from_secs(30)).await;
    assert!(report.is_complete());
    assert_eq!(report.delivered[0].tries, 3);
    // The same id each time, so the receiver can tell.
    let requests = server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|r| r.headers["idempotency-key"] == "d1-1")
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    // Closes every connection after having read the request.
    let cut = peers::saying(b"", After::Close).await;
    let sent = |webhook: Webhook| async {
        let dispatcher = dispatcher(webhook);
        dispatcher.post(message());
        dispatcher.finish(Duration::from_secs(30)).await
    };
    let origin = format!("http://{cut}");
    let report = sent(webhook(&origin)).await;
    assert!(report.undelivered[0].maybe_delivered);
    assert_eq!(report.undelivered[0].kind, Some(ErrorKind::Ambiguous));
    let careful = webhook(&origin).with_resend(Resend::ShowsTwice);
    assert!(sent(careful).await.undelivered[0].maybe_delivered);
}

#[tokio::test]
async fn a_dead_endpoint_is_shown_in_the_report_and_nowhere_is_the_url() {
    let refused = peers::refusing().await;
    let hanging = peers::hanging().await;
    for address in [refused, hanging] {
        let dispatcher = dispatcher(webhook(&format!("http://{address}")));
        dispatcher.post(message());
        let report = dispatcher.finish(Duration::from_millis(300)).await;
        assert_eq!(report.undelivered.len(), 1);
        let shown = format!("{report:?} {}", report.undelivered[0]);
        assert!(!shown.contains("S3CRET"), "{shown}");
    }
}
