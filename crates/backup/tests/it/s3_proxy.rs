//! Stands in front of a server and drops a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::s3_server::Server;

/// When a [`Proxy`] drops the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Never,
    /// When so many bytes have gone through, in either direction.
    AfterBytes(u64),
    /// Instead of passing on what the server says for the so-manieth time.
    AtAnswer(u64),
    /// The same, by a reset: the client cannot know how far its request got.
    ResetAtAnswer(u64),
}

/// What a [`Proxy`] does afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Heals,
    StaysAway,
}

/// Passes connections on to a server.
pub(crate) struct Proxy {
    pub(crate) address: String,
    state: Arc<State>,
    server: String,
}

struct State {
    cut: Cut,
    then: Then,
    bytes: AtomicU64,
    answers: AtomicU64,
    cuts: AtomicU64,
    away: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn new(server: &Server, cut: Cut, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap().to_string(),
            state: Arc::new(State {
                cut,
                then,
                bytes: AtomicU64::new(0),
                answers: AtomicU64::new(0),
                cuts: AtomicU64::new(0),
                away: watch::channel(false).0,
            }),
            server: server.address.clone(),
        };
        proxy.listen(listener);
        proxy
    }

    fn listen(&self, listener: TcpListener) {
        let (state, server) = (Arc::clone(&self.state), self.server.clone());
        let mut away = state.away.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = gone(&mut away) => return,
                    accepted = listener.accept() => {
                        let (state, server) = (Arc::clone(&state), server.clone());
                        tokio::spawn(async move {
                            if let Ok((client, _)) = accepted {
                                state.pass(client, &server).await;
                            }
                        });
                    }
                }
            }
        });
    }

    /// Brings the server back, for good.
    pub(crate) async fn heal(&self) {
        if self.state.away.send_replace(false) {
            let listener = TcpListener::bind(&self.address).await.unwrap();
            self.listen(listener);
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn answers(&self) -> u64 {
        self.state.answers.load(Ordering::SeqCst)
    }

    pub(crate) fn has_cut(&self) -> bool {
        self.state.cuts.load(Ordering::SeqCst) > 0
    }
}

async fn gone(away: &mut watch::Receiver<bool>) {
    drop(away.wait_for(|away| *away).await);
}

impl State {
    async fn pass(&self, mut client: TcpStream, server: &str) {
        let Ok(mut server) = TcpStream::connect(server).await else {
            return;
        };
        let mut away = self.away.subscribe();
        let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        loop {
            tokio::select! {
                () = gone(&mut away) => return,
                read = client.read(&mut up) => match read {
                    Ok(count) if count > 0 => {
                        if self.cuts(count, 0) || server.write_all(&up[..count]).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                },
                read = server.read(&mut down) => match read {
                    Ok(count) if count > 0 => {
                        if self.cuts(count, 1) {
                            if matches!(self.cut, Cut::ResetAtAnswer(_)) {
                                client.set_zero_linger().unwrap();
                            }
                            return;
                        }
                        if client.write_all(&down[..count]).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                },
            }
        }
    }

    /// Counts, and says whether this is the moment.
    fn cuts(&self, count: usize, answers: u64) -> bool {
        let bytes = self.bytes.fetch_add(count as u64, Ordering::SeqCst) + count as u64;
        let answers = self.answers.fetch_add(answers, Ordering::SeqCst) + answers;
        let now = match self.cut {
            Cut::Never => false,
            Cut::AfterBytes(limit) => bytes >= limit,
            Cut::AtAnswer(limit) | Cut::ResetAtAnswer(limit) => answers >= limit,
        };
        if !now || self.cuts.swap(1, Ordering::SeqCst) > 0 {
            return false;
        }
        if self.then == Then::StaysAway {
            self.away.send_replace(true);
        }
        true
    }
}
