//! A way to the server that is cut off at a chosen statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_conninfo::{Conninfo, Host, System};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::pg::password_of;

/// What becomes of the statement at which the way is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// The server never sees it.
    Lost,
    /// The server carries it out, and nobody hears the answer.
    Unheard,
}

/// A proxy that counts statements, as a person with a debugger would step through them.
pub(crate) struct Way {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    seen: AtomicUsize,
    cut_at: usize,
    last: Last,
    cut: Notify,
}

impl Way {
    /// To the server of `conninfo`, until the statement number `cut_at`, counted from 1.
    pub(crate) async fn to(conninfo: &Conninfo, cut_at: usize, last: Last) -> Self {
        let Host::Tcp { name, port, .. } = &conninfo.hosts()[0] else {
            panic!("a socket in the file system has no port to put a proxy before");
        };
        let server = (name.clone(), *port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            seen: AtomicUsize::new(0),
            cut_at,
            last,
            cut: Notify::new(),
        });
        let task = tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(server.clone()).await.unwrap();
                    tokio::spawn(forward(client, server, Arc::clone(&state)));
                }
            }
        });
        Self { port, state, task }
    }

    /// The same database by this way.
    pub(crate) fn source(&self, conninfo: &Conninfo) -> PostgresSource {
        let text = format!(
            "host=127.0.0.1 port={} user={} dbname={} sslmode=disable{}",
            self.port,
            conninfo.user(),
            conninfo.database(),
            password_of(conninfo)
        );
        let conninfo = Conninfo::parse(&text, &System).unwrap();
        PostgresSource::new(conninfo, PostgresOptions::default())
    }

    /// Lets `work` run until it is done, or drops it where the way is cut off, as if the process
    /// had been killed.
    pub(crate) async fn walk<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.state.cut.notified() => None,
            done = work => Some(done),
        }
    }

    /// How many statements went by.
    pub(crate) fn seen(&self) -> usize {
        self.state.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(client: TcpStream, server: TcpStream, state: Arc<State>) {
    // Otherwise every answer waits for an acknowledgement.
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let answers = tokio::spawn(async move {
        drop(tokio::io::copy(&mut from_server, &mut to_client).await);
    });
    // An end in the middle of a message is the end.
    drop(messages(from_client, to_server, &state).await);
    answers.abort();
}

/// A startup message without a type, then messages of a type and a length that includes itself.
async fn messages(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
) -> std::io::Result<()> {
    let length = from.read_u32().await?;
    pass(&mut from, &mut to, &length.to_be_bytes(), length).await?;
    loop {
        let kind = from.read_u8().await?;
        let length = from.read_u32().await?;
        let mut head = vec![kind];
        head.extend_from_slice(&length.to_be_bytes());
        // A simple query, or the execution of a prepared one.
        if kind == b'Q' || kind == b'E' {
            let number = state.seen.fetch_add(1, Ordering::SeqCst) + 1;
            if number >= state.cut_at {
                if number == state.cut_at && state.last == Last::Unheard {
                    pass(&mut from, &mut to, &head, length).await?;
                    if kind == b'E' {
                        to.write_all(&[b'S', 0, 0, 0, 4]).await?;
                    }
                }
                state.cut.notify_one();
                return Ok(());
            }
        }
        pass(&mut from, &mut to, &head, length).await?;
    }
}

async fn pass(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    head: &[u8],
    length: u32,
) -> std::io::Result<()> {
    let mut message = head.to_vec();
    message.resize(head.len() + length as usize - 4, 0);
    from.read_exact(&mut message[head.len()..]).await?;
    to.write_all(&message).await
}
