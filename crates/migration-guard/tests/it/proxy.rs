//! A TCP proxy that breaks the connection around COMMIT.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never sees the COMMIT.
    Before,
    /// The server commits, and its answer is lost.
    After,
}

/// Ends with its test's runtime.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    cut: Cut,
    refuses: AtomicBool,
    /// Whether nobody is let in any more after the cut.
    then_refuse: bool,
    cuts: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start(to: (String, u16), cut: Cut, then_refuse: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            cut,
            refuses: AtomicBool::new(false),
            then_refuse,
            cuts: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if shared.refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(&to).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    pub(crate) fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

/// Dropping both sockets at its end is the cut.
async fn carry(mut client: TcpStream, mut server: TcpStream, state: Arc<State>) {
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                let sent = &up[..length];
                let first = sent.windows(7).any(|bytes| bytes == b"COMMIT\0")
                    && state.cuts.load(Ordering::SeqCst) == 0;
                if first {
                    state.cuts.fetch_add(1, Ordering::SeqCst);
                    state.refuses.store(state.then_refuse, Ordering::SeqCst);
                    if state.cut == Cut::Before {
                        return;
                    }
                }
                server.write_all(sent).await.unwrap();
                if first {
                    // Its answer says that it is durable.
                    assert!(server.read(&mut down).await.unwrap() > 0);
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
