//! Order, retries, pauses and budgets, with paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ripcord_notify::test_util::{FailingNotifier, HangingNotifier, RecordingNotifier};
use ripcord_notify::{
    Capabilities, DeliveryReport, Destination, Dispatcher, Error, ErrorKind, Message, Notifier,
    Receipt, Resend, ResendAmbiguous, RetryPolicy, Severity, State,
};
use tokio::time::Instant;

const BUDGET: Duration = Duration::from_secs(600);

fn message(sequence: u64) -> Message {
    Message::new(
        "d1",
        sequence,
        format!("step {sequence}"),
        Timestamp::UNIX_EPOCH,
    )
}

/// Of a topic of its own, so that it supersedes nothing.
fn single(sequence: u64) -> Message {
    Message::new(format!("t{sequence}"), 1, "single", Timestamp::UNIX_EPOCH)
}

fn to(notifier: &Arc<impl Notifier + 'static>) -> Vec<Destination> {
    vec![Destination::new(
        Arc::clone(notifier) as Arc<dyn Notifier>,
        Severity::Info,
    )]
}

async fn send(notifier: &Arc<impl Notifier + 'static>, messages: Vec<Message>) -> DeliveryReport {
    let dispatcher = Dispatcher::new(to(notifier), RetryPolicy::default());
    for message in messages {
        dispatcher.post(message);
    }
    dispatcher.finish(BUDGET).await
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order() {
    let team = Arc::new(RecordingNotifier::new("team"));
    let report = send(&team, (1..=20).map(single).collect()).await;
    assert!(report.is_complete());
    assert_eq!(report.delivered.len(), 20);
    let expected: Vec<String> = (1..=20).map(|i| format!("t{i}-1")).collect();
    assert_eq!(ids(&team.sent()), expected);
}

#[tokio::test(start_paused = true)]
async fn each_destination_has_its_own_severity() {
    let all = Arc::new(RecordingNotifier::new("all"));
    let pager = Arc::new(RecordingNotifier::new("pager"));
    let dispatcher = Dispatcher::new(
        vec![
            Destination::new(all.clone(), Severity::Info),
            Destination::new(pager.clone(), Severity::Critical),
        ],
        RetryPolicy::default(),
    );
    dispatcher.post(single(1));
    dispatcher.post(single(2).with_severity(Severity::Warning));
    dispatcher.post(single(3).with_severity(Severity::Critical));
    assert!(dispatcher.finish(BUDGET).await.is_complete());
    assert_eq!(all.sent().len(), 3);
    assert_eq!(ids(&pager.sent()), ["t3-1"]);
}

#[tokio::test(start_paused = true)]
async fn trouble_that_passes_is_waited_out_in_order() {
    let flaky = Arc::new(FailingNotifier::times("flaky", ErrorKind::Peer, 3));
    let report = send(&flaky, vec![single(1), single(2)]).await;
    assert!(report.is_complete());
    assert_eq!(ids(&flaky.sent()), ["t1-1", "t2-1"]);
    assert_eq!(report.delivered[0].tries, 4);
}

#[tokio::test(start_paused = true)]
async fn tries_are_limited_and_permanent_refusals_are_not_repeated() {
    let down = Arc::new(FailingNotifier::always("down", ErrorKind::Peer));
    let report = send(&down, vec![single(1)]).await;
    assert_eq!(down.calls(), 5);
    let lost = &report.undelivered[0];
    assert_eq!(lost.destination, "down");
    assert_eq!(lost.message, "t1-1");
    assert_eq!(lost.kind, Some(ErrorKind::Peer));
    assert!(!lost.maybe_delivered);
    assert!(lost.to_string().contains("scripted failure"));

    for kind in [ErrorKind::Rejected, ErrorKind::Setting, ErrorKind::Io] {
        let refusing = Arc::new(FailingNotifier::always("refusing", kind));
        let report = send(&refusing, vec![single(1)]).await;
        assert_eq!(refusing.calls(), 1);
        assert_eq!(report.undelivered.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_end_does_not_wait_for_a_peer_that_is_not_there() {
    let dead = Arc::new(FailingNotifier::always("dead", ErrorKind::Unreachable));
    let dispatcher = Dispatcher::new(
        vec![Destination::new(dead.clone(), Severity::Info)],
        RetryPolicy::default(),
    );
    let started = tokio::time::Instant::now();
    dispatcher.post(Message::new("t", 1, "one", Timestamp::UNIX_EPOCH).with_state(State::Failed));
    dispatcher.post(Message::new("t", 2, "two", Timestamp::UNIX_EPOCH).with_state(State::Failed));
    let report = dispatcher.finish(Duration::from_secs(600)).await;
    assert_eq!(report.undelivered.len(), 2, "{report:?}");
    assert!(dead.calls() >= 2, "each was tried");
    // Paused time: not a second went by, where 600 were allowed.
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_was_asked_for_is_kept_by_the_whole_destination() {
    let busy = Arc::new(
        FailingNotifier::times("busy", ErrorKind::RateLimited, 1)
            .with_retry_after(Duration::from_secs(300)),
    );
    let started = Instant::now();
    let report = send(&busy, vec![single(1), single(2)]).await;
    assert!(report.is_complete());
    assert_eq!(started.elapsed().as_secs(), 300);
    assert_eq!(ids(&busy.sent()), ["t1-1", "t2-1"]);

    // Also after the message itself was given up.
    let busy = Arc::new(
        FailingNotifier::times("busy", ErrorKind::RateLimited, 1)
            .with_retry_after(Duration::from_secs(300)),
    );
    let mut policy = RetryPolicy::default();
    policy.tries = 1;
    let dispatcher = Dispatcher::new(to(&busy), policy);
    dispatcher.post(single(1));
    dispatcher.post(single(2));
    let started = Instant::now();
    let report = dispatcher.finish(BUDGET).await;
    assert_eq!(started.elapsed().as_secs(), 300);
    assert_eq!(report.undelivered.len(), 1);
    assert_eq!(ids(&busy.sent()), ["t2-1"]);
}

#[tokio::test(start_paused = true)]
async fn posting_never_waits_and_finishing_keeps_its_budget() {
    let hanging = Arc::new(HangingNotifier::new("hanging"));
    let team = Arc::new(RecordingNotifier::new("team"));
    let mut destinations = to(&hanging);
    destinations.extend(to(&team));
    let dispatcher = Dispatcher::new(destinations, RetryPolicy::default());
    let started = Instant::now();
    for sequence in 1..=3 {
        dispatcher.post(single(sequence));
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    let report = dispatcher.finish(Duration::from_secs(5)).await;
    assert_eq!(started.elapsed().as_secs(), 5);
    // The other destination did not suffer, and nothing is unaccounted for.
    assert_eq!(team.sent().len(), 3);
    assert_eq!(report.delivered.len() + report.undelivered.len(), 6);
    assert_eq!(report.undelivered.len(), 3);
    // The first was under way; the others were not.
    let maybe: Vec<bool> = report
        .undelivered
        .iter()
        .map(|u| u.maybe_delivered)
        .collect();
    assert_eq!(maybe, [true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn no_budget_is_no_time() {
    let team = Arc::new(RecordingNotifier::new("team"));
    let dispatcher = Dispatcher::new(to(&team), RetryPolicy::default());
    dispatcher.post(single(1));
    let started = Instant::now();
    let report = dispatcher.finish(Duration::ZERO).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(report.delivered.len() + report.undelivered.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_is_sent_again_only_where_that_is_safe() {
    let twice = Arc::new(FailingNotifier::times("twice", ErrorKind::Ambiguous, 1));
    let report = send(&twice, vec![single(1)]).await;
    assert_eq!(twice.calls(), 1);
    assert!(report.undelivered[0].maybe_delivered);
    assert!(
        report.undelivered[0]
            .to_string()
            .contains("may have arrived")
    );

    let once = FailingNotifier::times("once", ErrorKind::Ambiguous, 1).with_resend(Resend::Safe);
    let once = Arc::new(once);
    assert!(send(&once, vec![single(1)]).await.is_complete());
    assert_eq!(once.calls(), 2);

    let twice = Arc::new(FailingNotifier::times("twice", ErrorKind::Ambiguous, 1));
    let mut policy = RetryPolicy::default();
    policy.ambiguous = ResendAmbiguous::Always;
    let dispatcher = Dispatcher::new(to(&twice), policy);
    dispatcher.post(single(1));
    assert!(dispatcher.finish(BUDGET).await.is_complete());
    assert_eq!(twice.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_try_is_ambiguous_after_its_timeout() {
    let hanging = Arc::new(HangingNotifier::new("hanging"));
    let started = Instant::now();
    let report = send(&hanging, vec![single(1)]).await;
    assert_eq!(started.elapsed().as_secs(), 10);
    assert!(report.undelivered[0].maybe_delivered);
    assert_eq!(report.undelivered[0].kind, Some(ErrorKind::Ambiguous));
}

/// Down for the first minute.
#[derive(Debug)]
struct DownForAMinute {
    since: Instant,
    sent: Mutex<Vec<Message>>,
}

impl DownForAMinute {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            sent: Mutex::default(),
        })
    }
}

#[async_trait]
impl Notifier for DownForAMinute {
    fn name(&self) -> &str {
        "down"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        if self.since.elapsed() < Duration::from_secs(60) {
            let error = Error::new("down", "scripted", ErrorKind::RateLimited);
            return Err(error.with_retry_after(Duration::from_secs(60)));
        }
        self.sent.lock().unwrap().push(message.clone());
        Ok(Receipt::default())
    }
}

#[tokio::test(start_paused = true)]
async fn newer_states_take_the_place_of_older_ones_but_never_of_failures() {
    let down = DownForAMinute::new();
    let dispatcher = Dispatcher::new(to(&down), RetryPolicy::default());
    dispatcher.post(message(1));
    // The first is now being tried, and told to wait.
    tokio::time::sleep(Duration::from_secs(1)).await;
    dispatcher.post(message(2));
    dispatcher.post(message(3).with_state(State::Failed));
    dispatcher.post(single(9));
    dispatcher.post(message(4));
    dispatcher.post(message(5).with_state(State::Succeeded));
    let report = dispatcher.finish(BUDGET).await;
    assert!(report.is_complete());
    assert_eq!(ids(&down.sent.lock().unwrap()), ["d1-3", "t9-1", "d1-5"]);
    let mut gone: Vec<&str> = report
        .superseded
        .iter()
        .map(|s| s.message.as_str())
        .collect();
    gone.sort_unstable();
    assert_eq!(gone, ["d1-1", "d1-2", "d1-4"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_loses_the_oldest_that_is_no_failure_and_says_so() {
    let down = DownForAMinute::new();
    let mut policy = RetryPolicy::default();
    policy.queue = 2;
    let dispatcher = Dispatcher::new(to(&down), policy);
    dispatcher.post(single(1).with_state(State::Failed));
    dispatcher.post(single(2));
    dispatcher.post(single(3));
    let report = dispatcher.finish(BUDGET).await;
    assert_eq!(ids(&down.sent.lock().unwrap()), ["t1-1", "t3-1"]);
    assert_eq!(report.undelivered[0].message, "t2-1");
    assert!(report.undelivered[0].reason.contains("full"));
}

#[derive(Debug)]
struct Panicking;

#[async_trait]
impl Notifier for Panicking {
    fn name(&self) -> &str {
        "panicking"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        assert!(message.id != "t1-1", "as ordered");
        Ok(Receipt::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_panics_does_not_take_the_queue_down() {
    let report = send(&Arc::new(Panicking), vec![single(1), single(2)]).await;
    assert_eq!(report.undelivered[0].message, "t1-1");
    assert_eq!(report.delivered[0].message, "t2-1");
}

#[tokio::test(start_paused = true)]
async fn dropping_without_finishing_still_delivers() {
    let team = Arc::new(RecordingNotifier::new("team"));
    let dispatcher = Dispatcher::new(to(&team), RetryPolicy::default());
    dispatcher.post(single(1));
    drop(dispatcher);
    // Delivered, and then the worker ends: nobody else holds the channel.
    let ended = async {
        while team.sent().is_empty() || Arc::strong_count(&team) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(BUDGET, ended).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_report_survives_json() {
    let down = Arc::new(FailingNotifier::always("down", ErrorKind::Rejected));
    let report = send(&down, vec![single(1)]).await;
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["undelivered"][0]["kind"], "rejected");
    assert_eq!(
        serde_json::from_value::<DeliveryReport>(json).unwrap(),
        report
    );
}
