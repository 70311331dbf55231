use std::fmt;
use std::ops::Deref;

use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// A connection that ends with its handle: dropping it closes the socket at once, even in the
/// middle of a statement.
///
/// A bare [`Client`] that is dropped lets the running statement finish first. The server notices a
/// closed socket during a statement only if `client_connection_check_interval` is set.
pub struct Session {
    client: Client,
    /// Ends the task that drives the connection.
    _end: EndOnDrop,
}

struct EndOnDrop(JoinHandle<()>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    pub(crate) fn new(client: Client, task: JoinHandle<()>) -> Self {
        Self {
            client,
            _end: EndOnDrop(task),
        }
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}
