//! `ripcord backup` of a MySQL or MariaDB database.

use std::process::Command;

use crate::support::Site;

/// The server's URL, or `None` with the reason printed.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say when they skip"
)]
fn server() -> Option<String> {
    let Ok(url) = std::env::var("RIPCORD_TEST_MARIADB_URL") else {
        let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "RIPCORD_TEST_MARIADB_URL is required");
        println!("SKIPPED: RIPCORD_TEST_MARIADB_URL is not set");
        return None;
    };
    Some(url)
}

/// What the server's own client says.
fn sql(server: &str, sql: &str) -> String {
    let (user, at) = server
        .split_once("://")
        .and_then(|(_, rest)| rest.trim_end_matches('/').rsplit_once('@'))
        .unwrap();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (host, port) = at.rsplit_once(':').unwrap();
    let output = Command::new("mariadb")
        .args(["-N", "-h", host, "-P", port, "-u", user, "-e", sql])
        .env("MYSQL_PWD", password)
        .output()
        .unwrap();
    assert!(output.status.success(), "{sql}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_mysql_database_is_backed_up_and_restored_beside_itself() {
    let Some(server) = server() else { return };
    let name = format!("ripcord_product_{}", std::process::id());
    sql(
        &server,
        &format!(
            "CREATE DATABASE {name}; CREATE TABLE {name}.t (a int PRIMARY KEY); INSERT INTO {name}.t VALUES (1), (2)"
        ),
    );
    let site = Site::new();
    site.add(&format!(
        "[database]\nkind = \"mysql\"\nurl = \"{}/{name}\"\n[backup]\nstore = \"file://backups\"\n",
        server.trim_end_matches('/')
    ));
    let run = |words: &[&str], code: i32| {
        let said = site.run(&[words, &["--json"]].concat());
        assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
        said.json()
    };
    let none = run(&["backup", "gate"], 3);
    assert_eq!(none["answer"], "none");
    let made = run(&["backup", "create"], 0);
    assert_eq!(made["level"], "content", "{made}");
    let id = made["backup"].as_str().unwrap();
    run(&["backup", "verify", id], 0);
    assert_eq!(run(&["backup", "gate"], 0)["answer"], "ok");
    let listed = run(&["backup", "list"], 0);
    assert_eq!(listed["backups"][0]["rows"], 2);

    let into = format!("{name}_copy");
    run(&["backup", "restore", id, "--into", &name], 2);
    for way in ["--switch", "--in-place"] {
        let said = site.run(&["backup", "restore", id, "--into", &into, way]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains("for PostgreSQL only"), "{said:?}");
    }
    let would = run(&["backup", "restore", id, "--into", &into, "--dry-run"], 0);
    assert_eq!(would["dry_run"], true);
    let restored = run(&["backup", "restore", id, "--into", &into], 0);
    assert_eq!(restored["database"], into.as_str());
    let rows = sql(&server, &format!("SELECT count(*) FROM {into}.t"));
    assert_eq!(rows, "2\n");
    let planned = run(&["backup", "prune"], 0);
    assert_eq!(planned["backups"][0]["backup"], id);
    let said = site.run(&["backup", "export", "--table", "t"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("for PostgreSQL only"), "{said:?}");
    sql(
        &server,
        &format!("DROP DATABASE {name}; DROP DATABASE {into}"),
    );
}
