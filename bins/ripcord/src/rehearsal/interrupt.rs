use tokio::signal::unix::{Signal, SignalKind, signal};

/// Does the work, unless somebody stops this process meanwhile: then the work is dropped, with everything that it would
/// have removed at its end, and there is no answer.
pub(crate) async fn unless_stopped<T>(work: impl Future<Output = T>) -> Option<T> {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let mut signals: Vec<Signal> = kinds
        .into_iter()
        .filter_map(|kind| signal(kind).ok())
        .collect();
    let stopped = std::future::poll_fn(|context| {
        let mut came = signals.iter_mut().map(|signal| signal.poll_recv(context));
        match came.any(|poll| poll.is_ready()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    });
    tokio::select! {
        biased;
        () = stopped => None,
        done = work => Some(done),
    }
}
