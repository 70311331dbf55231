//! Peers that misbehave on purpose, byte by byte.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An address where nobody listens.
pub(crate) async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Accepts, never says a word.
pub(crate) async fn hanging() -> SocketAddr {
    saying(b"", After::Hold).await
}

/// What happens when everything was said.
#[derive(Clone, Copy)]
pub(crate) enum After {
    Hold,
    Close,
}

/// Reads once, says `bytes`, and then holds or closes the connection. For as many as connect.
pub(crate) async fn saying(bytes: &'static [u8], after: After) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(bytes).await;
                if let After::Hold = after {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    address
}
