//! The first signal asks the run to stop, the second one ends it at once.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::watch;

/// Which signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// As shells count them.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Hears signals from the moment it is made.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    first: watch::Receiver<Option<Signal>>,
    second: watch::Receiver<Option<Signal>>,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (tell_first, first) = watch::channel(None);
        let (tell_second, second) = watch::channel(None);
        tokio::spawn(async move {
            for tell in [&tell_first, &tell_second] {
                let came = next(&mut interrupts, &mut terminations).await;
                // Nobody listens any more when the run is over.
                let _ = tell.send(Some(came));
            }
            tell_second.closed().await;
        });
        Ok(Self { first, second })
    }

    /// The signal that came first, if one came.
    pub(crate) fn came(&self) -> Option<Signal> {
        *self.first.borrow()
    }

    pub(crate) async fn first(&self) -> Signal {
        wait(self.first.clone()).await
    }

    pub(crate) async fn second(&self) -> Signal {
        wait(self.second.clone()).await
    }
}

async fn next(interrupts: &mut Stream, terminations: &mut Stream) -> Signal {
    tokio::select! {
        _ = interrupts.recv() => Signal::Interrupt,
        _ = terminations.recv() => Signal::Terminate,
    }
}

async fn wait(mut told: watch::Receiver<Option<Signal>>) -> Signal {
    match told.wait_for(Option::is_some).await.ok().and_then(|s| *s) {
        Some(signal) => signal,
        // The task that listens is gone only with the runtime.
        None => std::future::pending().await,
    }
}
