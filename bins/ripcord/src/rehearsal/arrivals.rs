use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use ripcord_conninfo::{Conninfo, Host};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Asked for before the first message by clients that would like to encrypt.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
/// Opens a connection of its own to cancel what runs on another one.
const CANCEL_REQUEST: u32 = 80_877_102;
/// The longest first message that the server itself takes.
const LONGEST: usize = 10_000;

/// A door to the scratch server that notes who comes in: children get its address, so that one that goes elsewhere is
/// noticed by its absence.
#[derive(Debug)]
pub struct Door {
    port: u16,
    seen: Arc<Mutex<Vec<Arrival>>>,
    task: JoinHandle<()>,
}

/// Somebody who came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// As whom.
    pub user: String,
    /// To which database.
    pub database: String,
}

impl Door {
    /// Opens one on the loopback interface to the server that `server` leads to, which has to be reachable without
    /// encryption.
    ///
    /// # Errors
    /// When no port is free, or the server has no TCP address.
    pub async fn open(server: &Conninfo) -> Result<Self> {
        let (host, port) = match server.hosts().first() {
            Some(Host::Tcp { name, port, .. }) => (name.clone(), *port),
            _ => anyhow::bail!("the scratch server has no TCP address"),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("no port is free for the rehearsal")?;
        let own = listener.local_addr()?.port();
        let seen: Arc<Mutex<Vec<Arrival>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (host, noted) = (host.clone(), Arc::clone(&noted));
                // One that is refused or cut off is the child's affair; it says so itself.
                tokio::spawn(async move { pass(client, &host, port, &noted).await });
            }
        });
        Ok(Self {
            port: own,
            seen,
            task,
        })
    }

    /// Where it is on the loopback interface.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Who has come in so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Arrival> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    host: &str,
    port: u16,
    seen: &Mutex<Vec<Arrival>>,
) -> io::Result<()> {
    let message = loop {
        let mut head = [0_u8; 4];
        client.read_exact(&mut head).await?;
        let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
        if !(8..=LONGEST).contains(&length) {
            return Err(io::Error::other("not a client of PostgreSQL"));
        }
        let mut message = head.to_vec();
        message.resize(length, 0);
        client
            .read_exact(message.get_mut(4..).unwrap_or_default())
            .await?;
        let code = message.get(4..8).map(code).unwrap_or_default();
        if code == SSL_REQUEST || code == GSS_REQUEST {
            client.write_all(b"N").await?;
            continue;
        }
        if code != CANCEL_REQUEST {
            let arrival = arrival(message.get(8..).unwrap_or_default());
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(arrival);
        }
        break message;
    };
    let mut server = TcpStream::connect((host, port)).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    server.write_all(&message).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

fn code(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |code, byte| code << 8 | u32::from(*byte))
}

/// Pairs of names and values, each ended by a zero.
fn arrival(parameters: &[u8]) -> Arrival {
    let texts: Vec<String> = parameters
        .split(|byte| *byte == 0)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    let value = |name: &str| {
        texts
            .chunks_exact(2)
            .find(|pair| pair.first().is_some_and(|key| key == name))
            .and_then(|pair| pair.get(1).cloned())
    };
    let user = value("user").unwrap_or_default();
    Arrival {
        database: value("database").unwrap_or_else(|| user.clone()),
        user,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_says_who_comes() {
        let seen = arrival(b"user\0rehearsal_x\0database\0shop\0application_name\0a\0\0");
        assert_eq!(
            (seen.user.as_str(), seen.database.as_str()),
            ("rehearsal_x", "shop")
        );
        let seen = arrival(b"user\0me\0\0");
        assert_eq!(seen.database, "me");
    }
}
