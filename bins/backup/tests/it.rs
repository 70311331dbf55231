//! The binary, from the outside.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::process::{Command, Output};

use ripcord_conninfo::{Conninfo, System};
use serde_json::Value;

fn backup(store: &std::path::Path, url: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backup"))
        .args(args)
        .arg("--store")
        .arg(format!("file://{}", store.display()))
        .args(["--url-env", "THE_URL"])
        .env("THE_URL", url)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn usage_is_2_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (url, args, says) in [
        ("", &["create"][..], "THE_URL is not set"),
        ("postgres://u:S3cret@h:x/d", &["create"], "port"),
        (
            "postgres://u@h/d",
            &["create", "--level", "lots"],
            "content",
        ),
        (
            "postgres://u@h/d",
            &["verify", "latest"],
            "20261120T110458Z",
        ),
        ("postgres://u@h/d", &["gate", "--max-age", "soon"], "30m"),
        ("postgres://u@h/d", &[], "Usage"),
        ("postgres://u@h", &["create"], "THE_URL names no database"),
        (
            "postgres://u@h/d",
            &["create", "--encrypt-to", "age-secret-key-1S3cret"],
            "this is a secret key, give the public one (age1…)",
        ),
        (
            "postgres://u@h/d",
            &["create", "--identity", "AGE-SECRET-KEY-1S3cret"],
            "this is a secret key, give the path",
        ),
        (
            "postgres://u@h/d",
            &["create", "--encrypt-to", "S3cret"],
            "age1…",
        ),
        (
            "postgres://u@h/d",
            &["create", "--part-size", "4MiB"],
            "5 MiB to 5 GiB",
        ),
        (
            "postgres://u@h/d",
            &["create", "--layout", "directory"],
            "needs --staging",
        ),
        (
            "mysql://u@h/d",
            &["create", "--layout", "directory"],
            "for PostgreSQL only",
        ),
    ] {
        let output = backup(&dir.path().join("store"), url, args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        assert!(!said.contains("S3cret"), "{said}");
        assert!(!dir.path().join("store").exists(), "{args:?}");
    }
}

#[test]
fn a_folder_is_not_backed_up_into_itself() {
    let dir = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_backup"))
            .current_dir(dir.path())
            .args(words)
            .output()
            .unwrap()
    };
    std::fs::create_dir(dir.path().join("app")).unwrap();
    std::fs::write(dir.path().join("app/file"), "content").unwrap();
    for store in ["app/backups", "file:///", ".", "app"] {
        let output = run(&["create", "--folder", "app", "--store", store]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{store}: {said}");
        assert!(said.contains("inside of"), "{store}: {said}");
        let left = dir.path().join("app").read_dir().unwrap().count();
        assert_eq!(left, 1, "{store}");
    }
    let output = run(&["create", "--folder", "app"]);
    let (said, told) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(told.contains(": 1 file, "), "{told}");
    assert!(told.ends_with("proven at level content\n"), "{told}");
    let listed = text(&run(&["list", "--folder", "app"]).stdout);
    assert!(listed.contains(" 1 file, "), "{listed}");
    let gate = text(&run(&["gate", "--folder", "app"]).stdout);
    assert!(gate.starts_with("ok: backup 2"), "{gate}");
    let gate = run(&["gate", "--folder", "app", "--max-age", "0s"]);
    assert_eq!(gate.status.code(), Some(3));
    assert!(text(&gate.stdout).ends_with(" s old\n"));
}

#[test]
fn a_gate_without_backups_is_3() {
    let dir = tempfile::tempdir().unwrap();
    let url = "postgres://u@h/d";
    let output = backup(dir.path(), url, &["gate", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["gate"]["answer"], "none");
    assert_eq!(json["ok"], false);

    // A disk that is not mounted must not look like a store without backups.
    let missing = dir.path().join("missing");
    for command in ["gate", "list"] {
        let output = backup(&missing, url, &[command]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(text(&output.stderr).contains("there is no folder"));
        assert!(!missing.exists(), "{command}");
    }
}

#[test]
fn nobody_there_is_1() {
    let dir = tempfile::tempdir().unwrap();
    let output = backup(dir.path(), "postgres://u:S3cret@127.0.0.1:1/d", &["create"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("failed to connect to u@127.0.0.1:1/d"),
        "{said}"
    );
    assert!(!said.contains("S3cret"));
}

/// The server, or `None` with the reason printed.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say when they skip"
)]
fn server() -> Option<Conninfo> {
    let Ok(url) = std::env::var("RIPCORD_TEST_POSTGRES_URL") else {
        let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "RIPCORD_TEST_POSTGRES_URL is required");
        println!("SKIPPED: RIPCORD_TEST_POSTGRES_URL is not set");
        return None;
    };
    Some(Conninfo::parse(&url, &System).unwrap())
}

/// A connection string for the child.
fn url_of(conninfo: &Conninfo) -> String {
    conninfo
        .libpq_env()
        .into_iter()
        .filter_map(|(variable, value)| {
            let keyword = match variable {
                "PGHOST" => "host",
                "PGPORT" => "port",
                "PGUSER" => "user",
                "PGDATABASE" => "dbname",
                "PGPASSWORD" => "password",
                "PGSSLMODE" => "sslmode",
                _ => return None,
            };
            Some(format!("{keyword}='{}' ", value.replace('\'', "\\'")))
        })
        .collect()
}

/// Killed at each stage, it leaves nothing that counts, and the next run removes the rest.
#[test]
fn sigkill_leaves_nothing_behind_the_next_run() {
    use std::io::{BufRead as _, BufReader};

    let Some(admin) = server() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let name = format!("ripcord_backup_kill_{}", std::process::id());
    let sql = |database: &str, sql: &str| {
        runtime.block_on(async {
            let client = admin.with_database(database).connect().await.unwrap();
            client.batch_execute(sql).await.unwrap();
        });
    };
    sql(admin.database(), &format!("CREATE DATABASE {name}"));
    sql(
        &name,
        "CREATE TABLE t AS SELECT md5(i::text) FROM generate_series(1, 20000) i",
    );
    let url = url_of(&admin.with_database(&name));
    let dir = tempfile::tempdir().unwrap();
    let stages = ["reserved", "dumping", "restoring into a copy", "comparing"];
    for stage in stages {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backup"))
            .args(["create", "--url-env", "THE_URL", "--store"])
            .arg(dir.path())
            .env("THE_URL", &url)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let reached = stderr.lines().any(|line| line.unwrap().contains(stage));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached, "{stage}");
        let listed = backup(dir.path(), &url, &["list", "--json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(listed["backups"], serde_json::json!([]), "{stage}");
    }
    let made = backup(dir.path(), &url, &["create", "--json"]);
    let said = text(&made.stderr);
    assert_eq!(made.status.code(), Some(0), "{said}");
    assert!(said.contains(" 20000 rows, "), "{said}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let left: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| *file != "scratch")
        .collect();
    assert_eq!(left, [made["id"].as_str().unwrap()]);
    let files = std::fs::read_dir(dir.path().join(&left[0]))
        .unwrap()
        .count();
    // Archive, manifest, checksums, roles, settings, and how to restore without us.
    assert_eq!(files, 7);
    let scratch = std::fs::read_dir(dir.path().join("scratch")).map_or(0, Iterator::count);
    assert_eq!(scratch, 0, "scratch databases are gone");
    sql(
        admin.database(),
        &format!("DROP DATABASE {name} WITH (FORCE)"),
    );
}

#[test]
fn from_create_to_switch() {
    let Some(admin) = server() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let name = format!("ripcord_backup_cli_{}", std::process::id());
    let sql = |database: &str, sql: &str| {
        runtime.block_on(async {
            let client = admin.with_database(database).connect().await.unwrap();
            client.batch_execute(sql).await.unwrap();
        });
    };
    sql(admin.database(), &format!("CREATE DATABASE {name}"));
    sql(&name, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let own_url = url_of(&admin.with_database(&name));
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], code: i32| {
        let output = backup(dir.path(), &own_url, args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    let created = run(&["create", "--json", "--label", "release=v1"], 0);
    let id = created["id"].as_str().unwrap().to_owned();
    assert_eq!(created["level"], "content");
    assert_eq!(created["rows"], 1);
    assert_eq!(created["labels"]["release"], "v1");
    let listed = run(&["list", "--json"], 0);
    assert_eq!(listed["backups"][0]["state"], "good");
    run(&["verify", &id, "--json"], 0);
    let answer = run(&["gate", "--max-age", "1h", "--json"], 0);
    assert_eq!(answer["gate"]["answer"], "ok");
    run(&["gate", "--max-age", "0s"], 3);

    sql(&name, "INSERT INTO t VALUES (2)");
    let into = format!("{name}_new");
    // Nobody is there to be asked, so the live one stays as it is, and the restored one is there.
    let switch = ["restore", &id, "--into", &into, "--switch", "--json"];
    let asked = run(&switch, 3);
    assert_eq!(asked["took_over"], false, "{asked}");
    assert_eq!(asked["database"], into.as_str());
    let lost = &asked["written_since_estimate"]["public.t"]["inserted"];
    assert_eq!(*lost, 1, "{asked}");
    run(&["restore", &id, "--into", &into, "--keep-schema", "x"], 2);
    let allowed = [&switch[..], &["--allow-restore", "the test says so"]].concat();
    let restored = run(&allowed, 0);
    assert_eq!(restored["took_over"], true, "{restored}");
    assert_eq!(restored["allowed"], "the test says so");
    let kept = restored["kept"].as_str().unwrap().to_owned();
    // The same once more asks nobody, and does nothing.
    assert_eq!(run(&switch, 0)["kept"], restored["kept"]);
    let count = |database: &str| -> i64 {
        runtime.block_on(async {
            let client = admin.with_database(database).connect().await.unwrap();
            client
                .query_one("SELECT count(*) FROM t", &[])
                .await
                .unwrap()
                .get(0)
        })
    };
    let counted = (count(&name), count(&kept));
    sql(&name, "INSERT INTO t VALUES (3); CREATE SCHEMA mine");
    let replace = ["restore", &id, "--into", &into, "--in-place", "--json"];
    run(&replace, 3);
    assert_eq!(count(&name), 2, "untouched without consent");
    let reason = ["--allow-restore", "again", "--keep-schema", "mine"];
    run(&[&replace[..], &reason].concat(), 0);
    assert_eq!(count(&name), 1);
    run(&[&replace[..], &["--keep-schema", "nein"]].concat(), 2);
    sql(
        admin.database(),
        &format!("DROP DATABASE {name} WITH (FORCE)"),
    );
    sql(
        admin.database(),
        &format!("DROP DATABASE \"{kept}\" WITH (FORCE)"),
    );
    assert_eq!(counted, (1, 2));
}
