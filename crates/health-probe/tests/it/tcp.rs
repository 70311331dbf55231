//! The TCP check against real sockets.

use std::time::Duration;

use ripcord_health_probe::checks::TcpCheck;
use ripcord_health_probe::test_util::conformance;
use ripcord_health_probe::{HealthCheck, Reason, Verdict};

use tokio::net::{TcpSocket, TcpStream};

use crate::peers;

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn listening_refusing_and_unknown() {
    let open = peers::hanging().await;
    let check = TcpCheck::new("tcp", open.to_string(), LIMIT).unwrap();
    assert_eq!(check.check().await.verdict, Verdict::Pass);
    assert_eq!(conformance(&check, 2 * LIMIT, &[]).await, [""; 0]);

    let closed = peers::refusing().await;
    let check = TcpCheck::new("tcp", closed.to_string(), LIMIT).unwrap();
    let result = check.check().await;
    assert_eq!(
        (result.verdict, result.reason),
        (Verdict::Fail, Reason::ConnectRefused)
    );

    let nobody = TcpCheck::new("tcp", "no-such-host.invalid:80", LIMIT).unwrap();
    let result = nobody.check().await;
    assert_eq!(
        (result.verdict, result.reason),
        (Verdict::SourceBroken, Reason::Dns)
    );
}

#[tokio::test]
async fn no_connection_in_time() {
    // A listener whose queue is full does not answer at all.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        queued.push(stream.unwrap());
    }
    let limit = Duration::from_millis(100);
    let check = TcpCheck::new("tcp", address.to_string(), limit).unwrap();
    let result = check.check().await;
    assert_eq!(
        (result.verdict, result.reason),
        (Verdict::Fail, Reason::ConnectTimeout)
    );
}
