//! The Redis check, against a real server where there is one.

use std::time::Duration;

use fred::interfaces::ClientLike;
use fred::types::{Builder, ClusterHash, CustomCommand, Value};
use fred::{clients::Client, types::config::Config};
use ripcord_health_probe::checks::{RedisCheck, RedisConfig, RoundTrip};
use ripcord_health_probe::test_util::conformance;
use ripcord_health_probe::{CheckResult, HealthCheck, Reason, Secret, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::peers::{self, After};
use crate::services;

const REDIS: &str = "RIPCORD_TEST_REDIS_URL";

fn check(url: &str) -> RedisCheck {
    RedisCheck::new("redis", &Secret::new(url), RedisConfig::default()).unwrap()
}

fn quick(url: &str) -> RedisCheck {
    let mut config = RedisConfig::default();
    config.timeout = Duration::from_millis(400);
    RedisCheck::new("redis", &Secret::new(url), config).unwrap()
}

fn outcome(result: &CheckResult) -> (Verdict, Reason) {
    (result.verdict, result.reason)
}

async fn admin(url: &str) -> Client {
    let client = Builder::from_config(Config::from_url(url).unwrap())
        .build()
        .unwrap();
    client.init().await.unwrap();
    client
}

async fn command(client: &Client, words: &[&str]) -> Value {
    let command = CustomCommand::new(words[0].to_owned(), ClusterHash::FirstKey, false);
    let args: Vec<String> = words[1..].iter().map(|w| (*w).to_owned()).collect();
    client.custom(command, args).await.unwrap()
}

#[tokio::test]
async fn a_real_server_passes_and_keeps_no_key_and_no_connection() {
    let Some(url) = services::url(REDIS) else {
        return;
    };
    let mut config = RedisConfig::default();
    config.key_prefix = format!("ripcord-test-{}:", std::process::id());
    let check = RedisCheck::new("redis-kept", &Secret::new(&*url), config.clone()).unwrap();
    assert_eq!(outcome(&check.check().await), (Verdict::Pass, Reason::Ok));

    let admin = admin(&url).await;
    let pattern = format!("{}*", config.key_prefix);
    let left = command(&admin, &["KEYS", &pattern]).await;
    assert_eq!(left.array_len().unwrap_or(0), 0, "{left:?}");

    let ours = || async {
        let list = command(&admin, &["CLIENT", "LIST"]).await;
        list.as_string().unwrap().lines().count()
    };
    let before = ours().await;
    for millis in [0, 1, 2, 5, 10, 20] {
        let _ = tokio::time::timeout(Duration::from_millis(millis), check.check()).await;
    }
    for _ in 0..10 {
        check.check().await;
    }
    let closed = async {
        // Other tests of this binary use the server too, for a moment each.
        while ours().await > before + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed)
        .await
        .unwrap();
    admin.quit().await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_a_password() {
    let Some(url) = services::url(REDIS) else {
        return;
    };
    // A user of our own, so that the server stays open for the other tests.
    let admin = admin(&url).await;
    let user = format!("probe{}", std::process::id());
    let rights = [
        "reset",
        "on",
        ">S3CRET%word",
        "~*",
        "+ping",
        "+set",
        "+get",
        "+del",
    ];
    let words: Vec<&str> = ["ACL", "SETUSER", &user]
        .into_iter()
        .chain(rights)
        .collect();
    command(&admin, &words).await;
    let address = url.split_once("://").unwrap().1;
    let address = address.rsplit_once('@').map_or(address, |(_, a)| a);

    let good = format!("redis://{user}:S3CRET%25word@{address}");
    let good = check(&good);
    assert_eq!(outcome(&good.check().await), (Verdict::Pass, Reason::Ok));
    let secrets = ["S3CRET%word", "S3CRET%25word"];
    let broken = conformance(&good, Duration::from_secs(20), &secrets).await;
    assert_eq!(broken, [""; 0]);

    let wrong = check(&format!("redis://{user}:S3CRET-wrong@{address}"));
    assert_eq!(outcome(&wrong.check().await), (Verdict::Fail, Reason::Auth));
    let broken = conformance(&wrong, Duration::from_secs(20), &["S3CRET-wrong"]).await;
    assert_eq!(broken, [""; 0]);

    let words = ["ACL", "SETUSER", &user, "-set"];
    command(&admin, &words).await;
    let result = good.check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Auth));
    command(&admin, &["ACL", "DELUSER", &user]).await;
    admin.quit().await.unwrap();
}

/// What a server with `requirepass` says: the reply arrives, and it is no PONG.
#[tokio::test]
async fn noauth_is_an_auth_failure_although_there_is_a_reply() {
    let noauth = peers::saying(b"-NOAUTH Authentication required.\r\n", After::Hold).await;
    let result = quick(&format!("redis://{noauth}")).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Auth));
    let loading = peers::saying(
        b"-LOADING Redis is loading the dataset in memory\r\n",
        After::Hold,
    )
    .await;
    let result = quick(&format!("redis://{loading}")).check().await;
    assert_eq!(result.verdict, Verdict::Fail);
}

#[tokio::test]
async fn every_way_of_not_answering_has_its_reason() {
    let refused = peers::refusing().await;
    let result = quick(&format!("redis://{refused}")).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::ConnectRefused));
    let hanging = peers::hanging().await;
    let result = quick(&format!("redis://{hanging}")).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Timeout));
    let other = peers::saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", After::Close).await;
    let result = quick(&format!("redis://{other}")).check().await;
    assert_eq!(result.verdict, Verdict::Fail);
    let plain = peers::saying(b"-ERR no TLS here\r\n", After::Close).await;
    let result = quick(&format!("rediss://{plain}")).check().await;
    assert_eq!(result.verdict, Verdict::Fail);
    let result = quick("redis://no-such-host.invalid").check().await;
    assert_eq!(outcome(&result), (Verdict::SourceBroken, Reason::Dns));
}

/// Speaks just enough of the protocol to lie in one place.
async fn lying(ping: &'static str, get: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let said = String::from_utf8_lossy(&buffer[..read]).to_uppercase();
                    // `*2\r\n$3\r\nGET\r\n…`: the third line is the command.
                    let reply = match said.lines().nth(2) {
                        Some("PING") => ping,
                        Some("GET") => get,
                        Some("CLIENT" | "DEL") => ":1\r\n",
                        _ => "+OK\r\n",
                    };
                    let _ = stream.write_all(reply.as_bytes()).await;
                }
            });
        }
    });
    format!("redis://{address}")
}

#[tokio::test]
async fn a_reply_that_is_not_the_right_one_is_a_failure() {
    let ask = |url: String, round_trip| async move {
        let mut config = RedisConfig::default();
        config.round_trip = round_trip;
        let check = RedisCheck::new("redis", &Secret::new(url), config).unwrap();
        outcome(&check.check().await)
    };
    let mismatch = (Verdict::Fail, Reason::BodyMismatch);
    for get in ["$5\r\nother\r\n", "$-1\r\n"] {
        let changed = lying("+PONG\r\n", get).await;
        assert_eq!(ask(changed.clone(), RoundTrip::Write).await, mismatch);
        // PING alone does not notice.
        let pass = (Verdict::Pass, Reason::Ok);
        assert_eq!(ask(changed, RoundTrip::Skip).await, pass);
    }
    let odd = lying("+PONK\r\n", "$-1\r\n").await;
    assert_eq!(ask(odd, RoundTrip::Skip).await, mismatch);
    let noauth = "-NOAUTH Authentication required.\r\n";
    let noauth = lying(noauth, noauth).await;
    assert_eq!(
        ask(noauth, RoundTrip::Skip).await,
        (Verdict::Fail, Reason::Auth)
    );
}

#[test]
fn other_urls_are_refused_without_showing_them() {
    for url in [
        "",
        "http://user:S3CRET@host",
        "redis-sentinel://user:S3CRET@host",
        "redis://user:S3CRET@[broken",
    ] {
        let config = RedisConfig::default();
        let error = RedisCheck::new("redis", &Secret::new(url), config).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("S3CRET"));
    }
}

/// A server of our own that wants a password; ends on drop.
struct Guarded(std::process::Child, u16);

impl Guarded {
    fn start() -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = std::process::Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--requirepass", "S3CRET-guard"])
            .stdout(std::process::Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self(child, port)),
            Err(_) => {
                services::skip("redis-server is not installed");
                None
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_server_with_requirepass() {
    let Some(server) = Guarded::start() else {
        return;
    };
    let right = quick(&format!("redis://:S3CRET-guard@127.0.0.1:{}", server.1));
    let up = async {
        while right.check().await.verdict != Verdict::Pass {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), up)
        .await
        .unwrap();
    for login in ["", ":S3CRET-wrong@"] {
        let url = format!("redis://{login}127.0.0.1:{}", server.1);
        let result = quick(&url).check().await;
        assert_eq!(outcome(&result), (Verdict::Fail, Reason::Auth), "{login}");
    }
}
