//! The binary as a script sees it: stdout, stderr, exit status.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod judging;
mod live;
mod signals;
mod truth;

use std::path::Path;
use std::process::{Command, Output};

fn guard(args: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_migration-guard"))
        .args(args)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_is_stable() {
    let here = folder(&[]);
    let mut all = String::new();
    for args in [
        &["--help"][..],
        &["lint", "--help"],
        &["check", "--help"],
        &["status", "--help"],
        &["analyse", "--help"],
        &["snapshot", "--help"],
        &["run", "--help"],
        &["revert", "--help"],
        &["resolve", "--help"],
    ] {
        all.push_str(&text(&guard(args, here.path(), &[]).stdout));
        all.push_str("\n----\n");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn exit_status_says_how_bad_it_is() {
    let here = folder(&[
        ("1_good.sql", "CREATE TABLE a (id bigint PRIMARY KEY);"),
        ("2_bad.sql", "ALTER TABLE b DROP COLUMN c;"),
        ("3_broken.sql", "SELECT 1;\nALTER TABEL b;"),
    ]);
    let code = |args: &[&str]| guard(args, here.path(), &[]).status.code();
    assert_eq!(code(&["lint", "1_good.sql"]), Some(0));
    assert_eq!(code(&["lint", "2_bad.sql"]), Some(3));
    assert_eq!(code(&["lint", "3_broken.sql"]), Some(2));
    assert_eq!(code(&["lint", "--each", "3_broken.sql"]), Some(3));
    assert_eq!(code(&["lint", "absent.sql"]), Some(2));
    assert_eq!(code(&["lint"]), Some(2));
    let mysql = |args: &[&str]| code(&[&["lint", "--dialect", "mysql"], args].concat());
    assert_eq!(mysql(&["1_good.sql"]), Some(0));
    assert_eq!(mysql(&["2_bad.sql"]), Some(3));
    // A statement that does not parse is a finding of its own there.
    assert_eq!(mysql(&["3_broken.sql"]), Some(0));
    assert_eq!(mysql(&["--mysql-version", "5.7", "2_bad.sql"]), Some(3));
    assert_eq!(mysql(&["--mysql-version", "new", "1_good.sql"]), Some(2));
    assert_eq!(code(&["status"]), Some(2));
}

#[test]
fn a_file_that_is_not_utf8_is_a_finding_with_its_place() {
    let here = folder(&[]);
    let bytes = b"DROP TABLE a;\n-- gr\xf6\xdfe\n";
    std::fs::write(here.path().join("1_a.sql"), bytes).unwrap();
    for dialect in ["postgres", "mysql"] {
        let args = ["lint", "--each", "--json", "--dialect", dialect, "1_a.sql"];
        let done = guard(&args, here.path(), &[]);
        assert_eq!(done.status.code(), Some(3));
        let shown = text(&done.stdout);
        assert!(shown.contains("it is not UTF-8 from here on"), "{shown}");
        assert!(
            shown.contains("\"line\":2") && shown.contains("\"column\":6"),
            "{shown}"
        );
    }
}

#[test]
fn bad_input_is_one_line_and_a_hint() {
    let here = folder(&[("1_a.up.sql", "SELECT 1;\nALTER TABEL b;")]);
    let shown = text(&guard(&["lint", "1_a.up.sql"], here.path(), &[]).stderr);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(
        lines[0].starts_with("error: failed to parse 1_a.up.sql:2:"),
        "{shown}"
    );
    assert!(lines[1].starts_with("help: "), "{shown}");
    std::fs::write(here.path().join("2_b.up.sql"), b"SELECT '\xff';").unwrap();
    let shown = text(&guard(&["lint", "2_b.up.sql"], here.path(), &[]).stderr);
    assert!(shown.contains("2_b.up.sql"), "{shown}");
}

#[test]
fn json_counts_and_places() {
    let here = folder(&[("1_a.up.sql", "SELECT 1;\nDROP TABLE b;")]);
    let out = guard(&["lint", "--json", "."], here.path(), &[]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["statements"]["total"], 2);
    assert_eq!(json["statements"]["analysed"], 2);
    let findings = json["findings"].as_array().unwrap();
    let drop = findings.iter().find(|f| f["rule"] == "drop-table").unwrap();
    assert_eq!(
        (&drop["line"], &drop["severity"]),
        (&2.into(), &"blocker".into())
    );
}

#[test]
fn a_folder_is_one_chain_unless_each_is_asked_for() {
    let here = folder(&[
        ("9_a.up.sql", "CREATE TABLE a (id bigint PRIMARY KEY);"),
        ("10_b.up.sql", "DROP TABLE a;"),
        ("10_b.down.sql", "DROP TABLE something_else;"),
    ]);
    assert_eq!(
        guard(&["lint", "."], here.path(), &[]).status.code(),
        Some(0)
    );
    assert_eq!(
        guard(&["lint", "--each", "."], here.path(), &[])
            .status
            .code(),
        Some(3)
    );
}

#[test]
fn an_unreachable_database_is_bad_input_without_its_password() {
    let here = folder(&[("1_a.up.sql", "SELECT 1;")]);
    let url = ("DATABASE_URL", "postgres://u:s3cretmark@127.0.0.1:1/db");
    let out = guard(&["status", "--path", "."], here.path(), &[url]);
    assert_eq!(out.status.code(), Some(2));
    let shown = text(&out.stderr) + &text(&out.stdout);
    assert!(!shown.contains("s3cretmark"), "{shown}");
}

#[test]
fn from_nothing_to_two_and_back_to_one() {
    let Some(server) = server() else {
        return;
    };
    let name = format!("mg_cli_{}", std::process::id());
    let here = folder(&[
        ("1_a.up.sql", "CREATE TABLE a (id bigint PRIMARY KEY);"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE TABLE b (id bigint PRIMARY KEY);"),
        ("2_b.down.sql", "DROP TABLE b;"),
    ]);
    let run = |args: &[&str], path: &Path, url: &str| {
        let args = [args, &["--layout", "sqlx"]].concat();
        let out = guard(&args, path, &[("DATABASE_URL", url)]);
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    };
    // The binary makes and drops its database itself; the record of that goes to pg_temp.
    let joint = if server.contains('?') { '&' } else { '?' };
    let admin = format!("{server}{joint}options=-csearch_path%3Dpg_temp");
    let once = |sql: &str| {
        let one = folder(&[("1_once.up.sql", sql)]);
        let done = run(&["run", "--path", "."], one.path(), &admin);
        assert_eq!(done.0, Some(0), "{}", done.1);
    };
    once(&format!("-- no-transaction\nCREATE DATABASE {name};"));
    let url = match server.split_once('?') {
        Some((base, rest)) => format!("{}?{rest}", swap(base, &name)),
        None => swap(&server, &name),
    };
    let dry = run(&["run", "--path", ".", "--dry-run"], here.path(), &url);
    assert!(dry.1.contains("CREATE TABLE b"), "{}", dry.1);
    for _ in 0..2 {
        let up = run(&["run", "--path", "."], here.path(), &url);
        assert_eq!(up.0, Some(0), "{}", up.1);
    }
    let down = run(&["revert", "--path", ".", "--to", "1"], here.path(), &url);
    assert_eq!(down.0, Some(0), "{}", down.1);
    let status = run(&["status", "--path", "."], here.path(), &url);
    assert!(
        status.1.contains("applied  1") && status.1.contains("pending  2"),
        "{}",
        status.1
    );
    once(&format!(
        "-- no-transaction\nDROP DATABASE {name} WITH (FORCE);"
    ));
}

/// Where PostgreSQL is, if it is anywhere.
fn server() -> Option<String> {
    if let Ok(server) = std::env::var("RIPCORD_TEST_POSTGRES_URL") {
        return Some(server);
    }
    let required = std::env::var("RIPCORD_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
    assert!(
        !required,
        "RIPCORD_TEST_POSTGRES_URL is not set and services are required"
    );
    eprintln!("SKIPPED: RIPCORD_TEST_POSTGRES_URL is not set");
    None
}

/// The same URL with another database at its end.
fn swap(base: &str, database: &str) -> String {
    match base.rsplit_once('/') {
        Some((before, _)) => format!("{before}/{database}"),
        None => panic!("RIPCORD_TEST_POSTGRES_URL is no URL with a database"),
    }
}

#[test]
fn the_layout_is_found_out_and_told() {
    let nowhere = [("DATABASE_URL", "postgres://u@127.0.0.1:1/db")];
    let told = |files: &[(&str, &str)], more: &[&str]| {
        let here = folder(files);
        let args: Vec<&str> = ["status", "--path", "."]
            .iter()
            .chain(more)
            .copied()
            .collect();
        text(&guard(&args, here.path(), &nowhere).stderr)
    };
    let dbmate = [("1_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n")];
    assert!(told(&dbmate, &[]).contains("layout dbmate: 1_a.sql has `-- migrate:up`"));
    assert!(!told(&dbmate, &["--layout", "plain"]).contains("layout"));
    // The database may know more, where it can be asked.
    let here = folder(&[("V1__a.sql", "SELECT 1;")]);
    let unclear = text(&guard(&["check", "--path", "."], here.path(), &[]).stderr);
    assert!(
        unclear.contains("layout flyway: it could be flyway or refinery; name one with --layout"),
        "{unclear}"
    );
}

#[test]
fn check_says_what_no_tool_would_read() {
    let check = |files: &[(&str, &str)], more: &[&str]| {
        let here = folder(files);
        let args: Vec<&str> = ["check", "--path", "."]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let out = guard(&args, here.path(), &[]);
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    };
    let good = ("1_a.sql", "CREATE TABLE a (id bigint PRIMARY KEY);");
    let sqlx = ["--layout", "sqlx"];
    assert_eq!(check(&[good], &sqlx).0, Some(0));
    let twice = check(&[good, ("1_b.sql", "SELECT 1;")], &sqlx);
    assert_eq!(twice.0, Some(3), "{}", twice.1);
    assert!(twice.1.contains("1_b.sql"), "{}", twice.1);
    // Both ways, each with its place.
    let broken = [
        ("1_a.up.sql", "SELECT 1;\nALTER TABEL b;"),
        ("1_a.down.sql", "DROP TABEL b;"),
    ];
    let broken = check(&broken, &[&sqlx[..], &["--json"]].concat());
    assert_eq!(broken.0, Some(3), "{}", broken.1);
    let json: serde_json::Value = serde_json::from_str(broken.1.trim()).unwrap();
    assert_eq!(json["found"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["found"][0]["kind"], "file");
    let here = folder(&[]);
    let absent = guard(
        &["check", "--layout", "sqlx", "--path", "absent"],
        here.path(),
        &[],
    );
    assert_eq!(absent.status.code(), Some(2));
    assert!(text(&absent.stderr).contains("failed to read absent"));
}

#[test]
fn a_framework_is_found_by_its_file_and_its_failure_is_one_line() {
    let here = folder(&[("manage.py", "raise SystemExit('no settings here')")]);
    let python = ["--python", "python3", "--path", "."];
    let args: Vec<&str> = ["check"].iter().chain(&python).copied().collect();
    let out = guard(&args, here.path(), &[]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("layout django: manage.py is there"), "{said}");
    assert!(said.contains("no settings here"), "{said}");
    let args: Vec<&str> = ["check"]
        .iter()
        .chain(&["--python", "no-such-python", "--path", "."])
        .copied()
        .collect();
    let out = guard(&args, here.path(), &[]);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        text(&out.stderr).contains("help: name the Python"),
        "{}",
        text(&out.stderr)
    );
}
