//! The mock is usable from outside.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ripcord_notify::{
    Capabilities, Destination, Dispatcher, Error, ErrorKind, Message, MockNotifier, Notifier,
    Receipt, RetryPolicy, Severity,
};

#[tokio::test(start_paused = true)]
async fn a_dispatcher_over_a_mock() {
    let mut mock = MockNotifier::new();
    mock.expect_name().return_const("team".to_owned());
    mock.expect_capabilities().returning(Capabilities::default);
    let mut tries = 0;
    mock.expect_send().times(2).returning(move |_| {
        tries += 1;
        if tries == 1 {
            Err(Error::new("team", "scripted", ErrorKind::Peer))
        } else {
            Ok(Receipt::default())
        }
    });
    let destination = Destination::new(Arc::new(mock), Severity::Info);
    let dispatcher = Dispatcher::new(vec![destination], RetryPolicy::default());
    dispatcher.post(Message::new("d1", 1, "hello", Timestamp::UNIX_EPOCH));
    let report = dispatcher.finish(Duration::from_secs(10)).await;
    assert!(report.is_complete());
    assert_eq!(report.delivered[0].tries, 2);
}

#[tokio::test]
async fn boxes_and_arcs_are_notifiers_too() {
    let boxed: Box<dyn Notifier> =
        Box::new(ripcord_notify::test_util::RecordingNotifier::new("box"));
    let shared: Arc<dyn Notifier> = Arc::new(boxed);
    let message = Message::new("d1", 1, "hello", Timestamp::UNIX_EPOCH);
    assert_eq!(shared.name(), "box");
    assert!(shared.send(&message).await.is_ok());
}
