use tokio::sync::watch;

/// Why a running deployment has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// An operator asked for it: it goes back.
    Abort,
    /// The whole-run deadline passed: it goes back.
    Deadline,
    /// The lease belongs to somebody else: nothing may be touched any more, not even to go back.
    Fenced,
}

/// Lets others stop a deployment. The first reason wins, except that being fenced beats all.
#[derive(Clone, Debug)]
pub struct StopSwitch {
    sender: watch::Sender<Option<Stop>>,
}

impl Default for StopSwitch {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(None),
        }
    }
}

impl StopSwitch {
    /// Asks for a stop.
    pub fn stop(&self, why: Stop) {
        self.sender.send_if_modified(|now| {
            let changes = now.is_none() || (why == Stop::Fenced && *now != Some(Stop::Fenced));
            if changes {
                *now = Some(why);
            }
            changes
        });
    }

    /// Whether and why it was asked to stop.
    #[must_use]
    pub fn asked(&self) -> Option<Stop> {
        *self.sender.borrow()
    }

    /// Waits until it is asked to stop.
    pub async fn stopped(&self) -> Stop {
        self.wait(|_| true).await
    }

    /// Waits until nothing may be touched any more.
    pub async fn fenced(&self) -> Stop {
        self.wait(|why| why == Stop::Fenced).await
    }

    async fn wait(&self, matters: impl Fn(Stop) -> bool) -> Stop {
        let mut receiver = self.sender.subscribe();
        loop {
            if let Some(why) = *receiver.borrow_and_update()
                && matters(why)
            {
                return why;
            }
            if receiver.changed().await.is_err() {
                // The sender is ours, so this cannot end; a deployment must not stop because of it.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stop, StopSwitch};

    #[tokio::test]
    async fn the_first_reason_wins_but_fenced_beats_all() {
        let switch = StopSwitch::default();
        switch.stop(Stop::Deadline);
        switch.stop(Stop::Abort);
        assert_eq!(switch.stopped().await, Stop::Deadline);
        switch.stop(Stop::Fenced);
        assert_eq!(switch.fenced().await, Stop::Fenced);
    }
}
