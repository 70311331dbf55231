//! A run of the binary that is stopped, killed, or told its limits.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ripcord_conninfo::{Conninfo, Nothing};

use crate::{folder, guard, swap, text};

/// A database of the test's own, made and dropped by the binary.
pub(crate) struct Scratch {
    admin: String,
    url: String,
    name: String,
}

impl Scratch {
    /// `None` when there is no server; then it has said so.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let Ok(server) = std::env::var("RIPCORD_TEST_POSTGRES_URL") else {
            let required = std::env::var("RIPCORD_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
            assert!(!required, "RIPCORD_TEST_POSTGRES_URL is not set");
            eprintln!("SKIPPED: RIPCORD_TEST_POSTGRES_URL is not set");
            return None;
        };
        let name = format!("mg_{test}_{}", std::process::id());
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = match server.split_once('?') {
            Some((base, rest)) => format!("{}?{rest}", swap(base, &name)),
            None => swap(&server, &name),
        };
        let scratch = Self {
            admin: format!("{server}{joint}options=-csearch_path%3Dpg_temp"),
            url,
            name,
        };
        scratch.once(&format!("CREATE DATABASE {}", scratch.name));
        Some(scratch)
    }

    /// Our record of it goes to pg_temp.
    fn once(&self, sql: &str) {
        let here = folder(&[("1_once.up.sql", &format!("-- no-transaction\n{sql};"))]);
        let environment = [("DATABASE_URL", self.admin.as_str())];
        let args = ["run", "--path", ".", "--layout", "sqlx"];
        let done = guard(&args, here.path(), &environment);
        assert!(done.status.success(), "{}", text(&done.stderr));
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What the database says to a question.
    pub(crate) fn truth(&self, sql: &str) -> bool {
        let asked = async {
            let conninfo = Conninfo::parse(&self.url, &Nothing).unwrap();
            let session = conninfo.session().await.unwrap();
            session.query_one(sql, &[]).await.unwrap().get(0)
        };
        tokio::runtime::Runtime::new().unwrap().block_on(asked)
    }

    pub(crate) fn run(&self, args: &[&str], path: &Path) -> (Option<i32>, String, String) {
        let args = [args, &["--path", ".", "--layout", "sqlx"]].concat();
        let done = guard(&args, path, &[("DATABASE_URL", &self.url)]);
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    }

    fn start(&self, args: &[&str], path: &Path) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_migration-guard"))
            .args(args)
            .args(["--path", ".", "--layout", "sqlx"])
            .current_dir(path)
            .env("DATABASE_URL", &self.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stderr }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.once(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// Reads what it says until it says this.
    fn until(&mut self, wanted: &str) {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert!(read > 0, "never said {wanted:?}: {all}");
            if line.contains(wanted) {
                return;
            }
            all.push_str(&line);
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

const SLOW: &[(&str, &str)] = &[
    ("1_a.up.sql", "CREATE TABLE a (b int);"),
    (
        "2_slow.up.sql",
        "CREATE TABLE c (b int);\nSELECT pg_sleep(600);",
    ),
    ("3_d.up.sql", "CREATE TABLE d (b int);"),
];

#[test]
fn a_signal_stops_cleanly_and_tells_the_state() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let Some(scratch) = Scratch::new(&format!("signal_{}", signal.to_lowercase())) else {
            return;
        };
        let here = folder(SLOW);
        let mut running = scratch.start(&["run", "--json"], here.path());
        running.until("2 2/2: SELECT pg_sleep");
        running.signal(signal);
        let (status, out, err) = running.end();
        assert_eq!(status, Some(code), "{err}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["applied"], serde_json::json!(["1"]));
        assert_eq!(json["failed"]["version"], "2");
        assert_eq!(json["failed"]["state"], "not applied");
        assert_eq!(json["stopped"], format!("SIG{signal}"));
        assert!(err.contains("asked to stop"), "{err}");
        let (_, out, _) = scratch.run(&["status"], here.path());
        assert_eq!(out, "applied  1  a\npending  2  slow\npending  3  d\n");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let Some(scratch) = Scratch::new("second") else {
        return;
    };
    // An observer outside of the database that never lets the run come to its end: the stop waits
    // for the cancelled statement, and a handler holds that up.
    let here = folder(&[(
        "1_stubborn.up.sql",
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;",
    )]);
    let mut running = scratch.start(&["run"], here.path());
    running.until("1 1/1: DO");
    let began = std::time::Instant::now();
    running.signal("INT");
    running.signal("TERM");
    // Two signals may arrive as one where the first was not taken yet.
    let mut again = 0;
    let status = loop {
        match running.child.try_wait().unwrap() {
            Some(status) => break status,
            None => {
                again += 1;
                assert!(again < 400, "it did not end");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    };
    assert!(matches!(status.code(), Some(130 | 143)), "{status}");
    assert!(
        began.elapsed().as_secs() < 9,
        "sooner than the cancelled statement is given up"
    );
    let (_, out, _) = scratch.run(&["status", "--end-leftovers"], here.path());
    assert_eq!(out, "pending  1  stubborn\n");
}

#[test]
fn a_killed_run_leaves_no_orphan() {
    let Some(scratch) = Scratch::new("killed") else {
        return;
    };
    let here = folder(SLOW);
    let mut running = scratch.start(&["run"], here.path());
    running.until("2 2/2: SELECT pg_sleep");
    running.signal("KILL");
    running.end();
    // The server has seen within two seconds that nobody is there, and `status` has waited for it.
    let (code, out, err) = scratch.run(&["status"], here.path());
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, "applied  1  a\npending  2  slow\npending  3  d\n");
}

#[test]
fn limits_are_taken_and_their_end_is_told() {
    let Some(scratch) = Scratch::new("limits") else {
        return;
    };
    let here = folder(&[("1_a.up.sql", "SELECT pg_sleep(600);")]);
    let args = ["run", "--statement-timeout", "50ms", "--attempts", "1"];
    let (code, out, err) = scratch.run(&args, here.path());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("statement timeout"), "{err}");
    assert_eq!(out, "state  1  not applied\n");
    for wrong in [
        ["--lock-timeout", "5"],
        ["--attempts", "0"],
        ["--queue-limit", "soon"],
    ] {
        let args = [&["run"], &wrong[..]].concat();
        assert_eq!(scratch.run(&args, here.path()).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn retries_are_told_and_who_is_in_the_way() {
    let Some(scratch) = Scratch::new("retries") else {
        return;
    };
    let here = folder(&[("1_t.up.sql", "CREATE TABLE t (a int);")]);
    scratch.run(&["run"], here.path());
    let other = folder(&[
        ("1_t.up.sql", "CREATE TABLE t (a int);"),
        ("2_hold.up.sql", "LOCK TABLE t; SELECT pg_sleep(600);"),
    ]);
    // Two runs would exclude each other: this one holds its table outside of our locks.
    let mut holder = scratch.start(&["run", "--application-name", "holder"], other.path());
    holder.until("2 2/2");
    let late = ["run", "--wait", "0", "--application-name", "late"];
    let (code, _, err) = scratch.run(&late, other.path());
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("another runner holds it: \"holder\""), "{err}");
    let (_, out, _) = scratch.run(&["status"], other.path());
    assert!(out.contains("problem  a run is under way"), "{out}");
    assert!(out.contains("\"holder\""), "{out}");
    holder.signal("INT");
    assert_eq!(holder.end().0, Some(130));
}

#[test]
fn the_way_back_is_kept_in_a_file() {
    let Some(scratch) = Scratch::new("ways_back") else {
        return;
    };
    let here = folder(&[
        ("1_a.up.sql", "CREATE TABLE a (b int);"),
        ("1_a.down.sql", "DROP TABLE a;"),
    ]);
    let elsewhere = folder(&[]);
    let kept = elsewhere.path().join("kept.jsonl");
    let kept = kept.to_str().unwrap();
    let (code, _, err) = scratch.run(&["run", "--ways-back", kept], here.path());
    assert_eq!(code, Some(0), "{err}");
    for name in ["1_a.up.sql", "1_a.down.sql"] {
        std::fs::remove_file(here.path().join(name)).unwrap();
    }
    let back = ["revert", "--to", "none"];
    let (code, _, err) = scratch.run(&back, here.path());
    assert_eq!(code, Some(2), "{err}");
    let with = [&back[..], &["--ways-back", kept]].concat();
    let (code, out, err) = scratch.run(&with, here.path());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("reverted  1"), "{out}");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "");
    // What was not applied is not kept.
    std::fs::write(here.path().join("2_b.up.sql"), "SELECT 1 / 0;").unwrap();
    std::fs::write(here.path().join("2_b.down.sql"), "DROP TABLE b;").unwrap();
    let (code, _, err) = scratch.run(&["run", "--ways-back", kept], here.path());
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "");
    // A folder that cannot be written to stops before anything runs.
    std::fs::write(here.path().join("2_b.up.sql"), "CREATE TABLE b (c int);").unwrap();
    std::fs::write(here.path().join("2_b.down.sql"), "DROP TABLE b;").unwrap();
    let nowhere = elsewhere.path().join("none/kept.jsonl");
    let args = ["run", "--ways-back", nowhere.to_str().unwrap()];
    let (code, out, err) = scratch.run(&args, here.path());
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(out, "state  2  not applied\n");
}

#[test]
fn what_is_left_is_in_the_json_and_what_was_interrupted_is_repaired() {
    let Some(scratch) = Scratch::new("left") else {
        return;
    };
    let here = folder(&[(
        "1_a.up.sql",
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n\
         ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n\
         ALTER FUNCTION pg_sleep(double precision) IMMUTABLE;",
    )]);
    let (_, out, _) = scratch.run(&["run", "--json"], here.path());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        json["left"],
        serde_json::json!([{
            "version": "1", "kind": "not_validated", "name": "c", "table": "t",
            "remedy": "ALTER TABLE t VALIDATE CONSTRAINT c"
        }])
    );
    std::fs::write(
        here.path().join("2_i.up.sql"),
        "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);\n\
         CREATE INDEX CONCURRENTLY j ON t ((pg_sleep(a * 600) IS NULL));",
    )
    .unwrap();
    let mut running = scratch.start(&["run"], here.path());
    running.until("2 2/2");
    running.signal("TERM");
    let (_, out, err) = running.end();
    assert!(out.contains("state  2  partly applied"), "{out} {err}");
    let version = ["resolve", "--version", "2"];
    let (code, found, err) = scratch.run(&version, here.path());
    assert_eq!(code, Some(0), "{err}");
    assert!(found.contains("resolve --version 2 --repair`"), "{found}");
    let repair = [&version[..], &["--repair"]].concat();
    let (code, found, err) = scratch.run(&repair, here.path());
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(found, "state  2  not applied\n");
    let (_, out, _) = scratch.run(&["status"], here.path());
    assert!(!out.contains("problem"), "{out}");
}

#[test]
fn an_edit_of_what_is_applied_is_an_error_even_when_nothing_is_pending() {
    let Some(scratch) = Scratch::new("edit") else {
        return;
    };
    let here = folder(&[("1_a.up.sql", "CREATE TABLE a (b int);")]);
    scratch.run(&["run"], here.path());
    std::fs::write(here.path().join("1_a.up.sql"), "CREATE TABLE a (b text);").unwrap();
    let (code, _, err) = scratch.run(&["run"], here.path());
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("help: put the file back as it was applied"),
        "{err}"
    );
}
