//! The queue and the worker of one destination.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::policy::Jitter;
use crate::secret::clean;
use crate::{
    Delivered, DeliveryReport, Error, ErrorKind, Message, Notifier, Receipt, Resend,
    ResendAmbiguous, RetryPolicy, State, Superseded, Undelivered,
};

#[derive(Debug)]
pub(super) struct Lane {
    notifier: Arc<dyn Notifier>,
    policy: RetryPolicy,
    state: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Arc<Message>>,
    /// The message being worked on.
    current: Option<Current>,
    closed: bool,
    report: DeliveryReport,
}

#[derive(Debug)]
struct Current {
    message: Arc<Message>,
    tries: u32,
    /// A try is running right now: whatever happens to us, it may arrive.
    sending: bool,
    maybe_delivered: bool,
    last: Option<(ErrorKind, String)>,
}

/// What a try means for the message.
enum Next {
    Done,
    PauseUntil(Instant),
}

impl Lane {
    pub(super) fn new(notifier: Arc<dyn Notifier>, policy: RetryPolicy) -> Self {
        Self {
            notifier,
            policy,
            state: Mutex::new(Inner::default()),
            changed: Notify::new(),
        }
    }

    pub(super) fn push(&self, message: Arc<Message>) {
        let mut state = self.lock();
        self.supersede(&mut state, &message);
        if state.waiting.len() >= self.policy.queue.max(1) {
            // A failure is the last thing to lose.
            let oldest = state
                .waiting
                .iter()
                .position(|m| m.state != State::Failed)
                .unwrap_or(0);
            if let Some(lost) = state.waiting.remove(oldest) {
                let lost = self.undelivered(&lost, "the queue was full", None, false);
                state.report.undelivered.push(lost);
            }
        }
        state.waiting.push_back(message);
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Moves everything known into `report`; what is still open is undelivered.
    pub(super) fn account(&self, report: &mut DeliveryReport) {
        let mut state = self.lock();
        if let Some(current) = state.current.take() {
            let reason = match &current.last {
                Some((_, reason)) => format!("time is over; last: {reason}"),
                None => "time is over before an answer".to_owned(),
            };
            let maybe = current.maybe_delivered || current.sending;
            let kind = current.last.map(|(kind, _)| kind);
            let lost = self.undelivered(&current.message, &reason, kind, maybe);
            state.report.undelivered.push(lost);
        }
        while let Some(message) = state.waiting.pop_front() {
            let lost = self.undelivered(&message, "time is over before its turn", None, false);
            state.report.undelivered.push(lost);
        }
        let own = std::mem::take(&mut state.report);
        report.delivered.extend(own.delivered);
        report.undelivered.extend(own.undelivered);
        report.superseded.extend(own.superseded);
    }

    /// Works through the queue, in order, until it is closed and empty.
    pub(super) async fn drain(self: Arc<Self>) {
        let mut jitter = Jitter::new(self.policy.seed);
        let mut paused_until = None;
        loop {
            if !self.take_next() {
                if self.lock().closed {
                    return;
                }
                self.changed.notified().await;
                continue;
            }
            self.deliver(&mut jitter, &mut paused_until).await;
        }
    }

    fn take_next(&self) -> bool {
        let mut state = self.lock();
        let Some(message) = state.waiting.pop_front() else {
            return false;
        };
        state.current = Some(Current {
            message,
            tries: 0,
            sending: false,
            maybe_delivered: false,
            last: None,
        });
        true
    }

    /// Tries the current message until it is delivered, given up, or superseded.
    async fn deliver(&self, jitter: &mut Jitter, paused_until: &mut Option<Instant>) {
        let give_up = Instant::now() + self.policy.total;
        loop {
            if let Some(until) = *paused_until {
                if !self.wait_or_superseded(until).await {
                    return;
                }
                *paused_until = None;
            }
            let Some(message) = self.begin_try() else {
                return;
            };
            let answer = self.try_once(&message).await;
            match self.settle(answer, jitter, give_up) {
                Next::Done => return,
                Next::PauseUntil(until) => *paused_until = Some(until),
            }
        }
    }

    /// One try that cannot hang and cannot take the queue down with it.
    async fn try_once(&self, message: &Message) -> Result<Receipt, Error> {
        let sending = AssertUnwindSafe(self.notifier.send(message)).catch_unwind();
        let ambiguous = |what| Error::new(self.notifier.name(), what, ErrorKind::Ambiguous);
        match timeout(self.policy.timeout, sending).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ambiguous("the channel panicked")),
            Err(_) => Err(ambiguous("no answer in time")),
        }
    }

    fn begin_try(&self) -> Option<Arc<Message>> {
        let mut state = self.lock();
        let current = state.current.as_mut()?;
        current.tries += 1;
        current.sending = true;
        Some(Arc::clone(&current.message))
    }

    fn settle(
        &self,
        answer: Result<Receipt, Error>,
        jitter: &mut Jitter,
        give_up: Instant,
    ) -> Next {
        let mut state = self.lock();
        let Some(mut current) = state.current.take() else {
            return Next::Done;
        };
        current.sending = false;
        let error = match answer {
            Ok(_) => {
                state.report.delivered.push(Delivered {
                    destination: self.notifier.name().to_owned(),
                    message: current.message.id.clone(),
                    tries: current.tries,
                });
                return Next::Done;
            }
            Err(error) => error,
        };
        current.maybe_delivered |= error.maybe_delivered();
        current.last = Some((error.kind(), describe(&error)));
        let now = Instant::now();
        let pause = self.policy.pause(current.tries, jitter);
        let until = now + error.retry_after().map_or(pause, |asked| asked.max(pause));
        let last_try = current.tries >= self.policy.tries.max(1);
        // A pause that the peer asked for binds the next message too.
        let binding = error.retry_after().is_some();
        // Somebody waits for the end now, and a peer that is not there will not be there in a second either.
        let nobody = state.closed && error.kind() == ErrorKind::Unreachable;
        let hopeless = !error.is_transient() || last_try || nobody || !self.may_resend(&error);
        // The pause that the peer asks for is its business; `total` limits our own pauses.
        if hopeless || (!binding && until > give_up) {
            let reason = describe(&error);
            let lost = self.undelivered(
                &current.message,
                &reason,
                Some(error.kind()),
                current.maybe_delivered,
            );
            state.report.undelivered.push(lost);
            return if binding {
                Next::PauseUntil(until)
            } else {
                Next::Done
            };
        }
        state.current = Some(current);
        Next::PauseUntil(until)
    }

    fn may_resend(&self, error: &Error) -> bool {
        !error.maybe_delivered()
            || self.notifier.capabilities().resend == Resend::Safe
            || self.policy.ambiguous == ResendAmbiguous::Always
    }

    /// Waits until `until`; `false` when there is nothing left to send for then.
    async fn wait_or_superseded(&self, until: Instant) -> bool {
        loop {
            if !self.current_stands() {
                return false;
            }
            if self.ends_unreached() {
                return true;
            }
            tokio::select! {
                () = sleep_until(until) => return self.current_stands(),
                () = self.changed.notified() => {}
            }
        }
    }

    /// Whether the end is waited for and the peer could not be reached last time: one more try, now.
    fn ends_unreached(&self) -> bool {
        let state = self.lock();
        let last = state.current.as_ref().and_then(|c| c.last.as_ref());
        state.closed && last.is_some_and(|(kind, _)| *kind == ErrorKind::Unreachable)
    }

    /// Drops the current message if a newer one of its topic waits behind it.
    fn current_stands(&self) -> bool {
        let mut state = self.lock();
        let Some(current) = &state.current else {
            return false;
        };
        let newer = state
            .waiting
            .iter()
            .find(|w| current.message.is_superseded_by(w))
            .map(|w| w.id.clone());
        let Some(by) = newer else { return true };
        if let Some(current) = state.current.take() {
            let superseded = self.superseded(&current.message, by);
            state.report.superseded.push(superseded);
        }
        false
    }

    fn supersede(&self, state: &mut Inner, newer: &Message) {
        let (old, kept) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|m| m.is_superseded_by(newer));
        state.waiting = kept;
        for message in old {
            let superseded = self.superseded(&message, newer.id.clone());
            state.report.superseded.push(superseded);
        }
    }

    fn undelivered(
        &self,
        message: &Message,
        reason: &str,
        kind: Option<ErrorKind>,
        maybe: bool,
    ) -> Undelivered {
        Undelivered {
            destination: self.notifier.name().to_owned(),
            message: message.id.clone(),
            title: message.title.clone(),
            reason: reason.to_owned(),
            kind,
            maybe_delivered: maybe,
        }
    }

    fn superseded(&self, message: &Message, by: String) -> Superseded {
        Superseded {
            destination: self.notifier.name().to_owned(),
            message: message.id.clone(),
            by,
        }
    }

    /// A panic while the lock was held cannot leave the queue half-changed in a way that matters.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error and its causes on one line.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = fmt::Write::write_fmt(&mut text, format_args!(": {inner}"));
        cause = inner.source();
    }
    clean(&text, 300)
}
