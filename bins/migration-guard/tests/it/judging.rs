//! What `lint` says of what it did not look at.

use std::path::Path;
use std::process::{Command, Output};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn lint(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migration-guard"));
    command.arg("lint").args(args).current_dir(folder);
    command.output().unwrap()
}

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn files_that_are_not_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("m/A.sql", "SELECT 1;"),
            ("m/B.SQL", "DROP TABLE b;"),
            ("m/sub/C.sql", "DROP TABLE c;"),
            ("m/sub/deep/D.Sql", "DROP TABLE d;"),
            ("m/sub/notes.txt", "x"),
        ],
    );
    // A folder that leads back to itself has an end.
    #[cfg(unix)]
    std::os::unix::fs::symlink(".", folder.path().join("m/again")).unwrap();
    let output = lint(folder.path(), &["--json", "m"]);
    let said = stderr(&output);
    assert!(
        said.contains("2 .sql files below the folders are not read"),
        "{said}"
    );
    let document_ = document(&output);
    assert_eq!(document_["statements"]["total"], 2, "{document_}");
    let unread = &document_["not_read"];
    assert_eq!(
        *unread,
        serde_json::json!(["m/sub/C.sql", "m/sub/deep/D.Sql"])
    );
    let all = lint(folder.path(), &["--json", "m", "m/sub", "m/sub/deep"]);
    assert_eq!(
        document(&all)["not_read"],
        serde_json::json!([]),
        "{}",
        stderr(&all)
    );
    assert_eq!(document(&all)["statements"]["total"], 4);
}

#[test]
fn a_policy_leaves_traces() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("1.sql", "DROP TABLE a;\nALTER TABLE b DROP COLUMN c;\n"),
            (
                "migration-guard.toml",
                "[rules]\ndrop-table = \"off\"\n[[allow]]\nrule = \"drop-column\"\ntable = \"b\"\nreason = \"x\"\n",
            ),
        ],
    );
    let output = lint(folder.path(), &["--json", "1.sql"]);
    assert!(stderr(&output).contains("policy: migration-guard.toml"));
    let it = document(&output);
    assert_eq!(it["policy"], "migration-guard.toml", "{it}");
    assert_eq!(it["turned_off"], 1, "{it}");
    assert_eq!(it["acknowledged"][0]["reason"], "x", "{it}");
    for format in ["text", "markdown", "github", "gitlab", "junit"] {
        let output = lint(folder.path(), &["--format", format, "1.sql"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("1 acknowledged, 1 turned off"),
            "{format}: {said}"
        );
    }
    write(
        folder.path(),
        &[(
            "migration-guard.toml",
            "[[override]]\ntables = [\"*\"]\nrule = \"*\"\nlevel = \"off\"\n",
        )],
    );
    let output = lint(folder.path(), &["1.sql"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("migration-guard.toml:3: [[override]]: `*` cannot be off"),
        "{said}"
    );
}

#[test]
fn a_version_of_another_server_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("1.sql", "SELECT 1;")]);
    for (args, code) in [
        (&["--postgres-version", "12"][..], 0),
        (&["--postgres-version", "9"], 0),
        (&["--postgres-version", "8"], 2),
        (&["--postgres-version", "150018"], 2),
        (&["--mysql-version", "8.0.36"], 2),
        (&["--mysql-version", "8.0.36", "--dialect", "mysql"], 0),
        (&["--postgres-version", "15", "--dialect", "mysql"], 2),
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["1.sql"]).collect();
        let output = lint(folder.path(), &args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {}",
            stderr(&output)
        );
    }
    let old = lint(folder.path(), &["--postgres-version", "9", "1.sql"]);
    assert!(stderr(&old).contains("not proved"), "{}", stderr(&old));
}
