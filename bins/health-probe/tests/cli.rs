//! The binary from outside: exit codes, streams, secrets.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

fn probe(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_health-probe"))
        .args(args)
        .env("PROBE_REDIS", "redis://user:S3CRET@127.0.0.1:1")
        .env("PROBE_POSTGRES", "postgres://user:S3CRET@127.0.0.1:1/db")
        .env("PROBE_BAD", "postgres://user:S3CRET@[")
        .output()
        .unwrap()
}

fn code(args: &[&str]) -> i32 {
    let output = probe(args);
    let shown = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(!shown.contains("S3CRET"), "{shown}");
    output.status.code().unwrap()
}

/// Answers one request after the other.
fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address.to_string()
}

#[test]
fn each_verdict_has_its_code() {
    assert_eq!(code(&["disk", "/", "--min-free", "1"]), 0);
    assert_eq!(code(&["disk", "/", "--min-free", "1000000TiB"]), 3);
    assert_eq!(code(&["disk", "/no/such/path"]), 5);
    assert_eq!(code(&["command", "--", "true"]), 0);
    assert_eq!(code(&["command", "--", "false"]), 3);
    assert_eq!(code(&["command", "--", "/no/such/program"]), 5);
    assert_eq!(code(&["tcp", "127.0.0.1:1"]), 3);
    assert_eq!(code(&["redis", "--url-env", "PROBE_REDIS"]), 3);
    assert_eq!(code(&["postgres", "--url-env", "PROBE_POSTGRES"]), 3);
}

#[test]
fn wrong_usage_is_two_and_one_line() {
    for args in [
        &["tcp", "localhost"][..],
        &["http", "ftp://host"],
        &["http"],
        &["disk", "/", "--min-free", "much"],
        &["redis", "--url-env", "PROBE_NOT_SET"],
        &["redis", "--url-env", "PROBE_BAD"],
        &["postgres", "--url-env", "PROBE_BAD"],
        &["http", "http://localhost", "--json-equals", "status"],
        &["command"],
        &["unknown"],
    ] {
        assert_eq!(code(args), 2, "{args:?}");
    }
    let output = probe(&["redis", "--url-env", "PROBE_NOT_SET"]);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        line,
        "error: environment variable PROBE_NOT_SET is not set\n"
    );
}

#[test]
fn http_over_time_as_json() {
    let answer = "HTTP/1.1 200 OK\r\nx-release: v2\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{\"status\":\"healthy\"}";
    let url = format!("http://{}/", serve(answer));
    let args = ["http", &url, "--json-equals", "$.status=healthy", "--json"];
    let more = ["--rise", "2", "--interval", "10ms", "--attempts", "3"];
    let args: Vec<&str> = args.into_iter().chain(more).collect();
    let output = probe(&[&args[..], &["--release", "v2"]].concat());
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["attempts"], 2);
    assert_eq!(json["seen"][0]["release"], "v2");
    assert!(output.stderr.is_empty());

    let output = probe(&[&args[..], &["--release", "v3"]].concat());
    assert_eq!(output.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["failing"][0]["reason"], "wrong_release");
    let progress = String::from_utf8(output.stderr).unwrap();
    assert_eq!(progress.lines().count(), 3, "{progress}");
}
