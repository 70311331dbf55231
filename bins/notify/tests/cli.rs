//! The binary from outside: exit codes, streams, secrets.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

fn notify(url: &str, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_notify"))
        .args(args)
        .env("NOTIFY_URL", url)
        .env("NOTIFY_KEY", "S3CRET-signing")
        .output()
        .unwrap();
    let shown = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(!shown.contains("S3CRET"), "{shown}");
    output
}

/// Answers one request after the other.
fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 65536]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/S3CRET-path")
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn delivered_is_zero() {
    let url = serve(OK);
    for destination in ["--slack-url-env", "--webhook-url-env"] {
        let args = [
            "send",
            destination,
            "NOTIFY_URL",
            "--title",
            "hello",
            "--json",
        ];
        let more = ["--severity", "critical", "--fact", "release=v3"];
        let output = notify(&url, &[&args[..], &more[..]].concat());
        assert_eq!(output.status.code(), Some(0));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["schema"], 1);
        assert_eq!(json["delivered"][0]["tries"], 1);
    }
}

#[test]
fn undelivered_is_one_and_says_why() {
    let args = ["send", "--slack-url-env", "NOTIFY_URL", "--title", "hello"];
    let output = notify(&serve(GONE), &args);
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        line,
        "undelivered: slack: hello (notify slack: answered 410)\n"
    );
    let dead = [&args[..], &["--budget", "0.2"]].concat();
    let output = notify("http://127.0.0.1:1/S3CRET-path", &dead);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_console_is_standard_error() {
    let output = notify("", &["send", "--console", "--title", "hello"]);
    assert_eq!(output.status.code(), Some(0));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.contains("[info] hello"), "{line}");
}

#[test]
fn wrong_usage_is_two() {
    for args in [
        &["send", "--title", "x"][..],
        &["send", "--slack-url-env", "NOTIFY_URL"],
        &["send", "--slack-url-env", "NOTIFY_NOT_SET", "--title", "x"],
        &["send", "--console", "--title", "x", "--fact", "novalue"],
        &["send", "--console", "--title", "x", "--severity", "loud"],
        &[],
    ] {
        assert_eq!(notify("S3CRET", args).status.code(), Some(2), "{args:?}");
    }
    let bad = ["send", "--slack-url-env", "NOTIFY_URL", "--title", "x"];
    assert_eq!(notify("S3CRET", &bad).status.code(), Some(2));
}
