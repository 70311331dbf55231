//! `migration-guard` as it is run in CI: formats, policy, baseline, and what changed since a commit.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::program;

const DROP: &str = "ALTER TABLE orders DROP COLUMN note;\n";
const INDEX: &str = "CREATE INDEX by_day ON orders (day);\n";

fn put(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// A project with two migrations.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "migrations/1_drop.sql", DROP);
    put(folder.path(), "migrations/2_index.sql", INDEX);
    folder
}

fn guard(folder: &Path, words: &[&str]) -> Output {
    Command::new(program("migration-guard"))
        .current_dir(folder)
        .args(words)
        .output()
        .unwrap()
}

fn lint(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let words: Vec<&str> = ["lint"].iter().chain(words).copied().collect();
    let output = guard(folder, &words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// File and rule of each finding.
fn found(folder: &Path, words: &[&str]) -> Vec<(String, String)> {
    let words: Vec<&str> = words
        .iter()
        .chain(&["--json", "migrations"])
        .copied()
        .collect();
    let (_, stdout, stderr) = lint(folder, &words);
    let document: Value = serde_json::from_str(&stdout).expect(&stderr);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = document["findings"].as_array().unwrap();
    let named = findings
        .iter()
        .map(|f| (text(&f["file"]), text(&f["rule"])));
    named.collect()
}

fn has(found: &[(String, String)], file: &str, rule: &str) -> bool {
    found.contains(&(format!("migrations/{file}"), rule.to_owned()))
}

#[test]
fn every_format_says_that_the_column_is_dropped() {
    let project = project();
    for format in [
        "text", "json", "sarif", "github", "gitlab", "junit", "markdown",
    ] {
        let (code, stdout, stderr) = lint(project.path(), &["--format", format, "migrations"]);
        assert_eq!((code, stderr.as_str()), (Some(3), ""), "{format}");
        assert!(stdout.contains("drop-column"), "{format}: {stdout}");
        assert!(
            stdout.ends_with('\n') && !stdout.contains('\u{1b}'),
            "{format}"
        );
        if ["json", "sarif", "gitlab"].contains(&format) {
            serde_json::from_str::<Value>(&stdout).expect(format);
        }
    }
}

#[test]
fn reports_go_into_files_beside_the_text() {
    let project = project();
    let words = [
        "--report",
        "sarif=a.sarif",
        "--report",
        "junit=b.xml",
        "migrations",
    ];
    let (code, stdout, _) = lint(project.path(), &words);
    assert_eq!(code, Some(3));
    assert!(stdout.contains("--> migrations/1_drop.sql:1:1"), "{stdout}");
    let read = |name: &str| std::fs::read_to_string(project.path().join(name)).unwrap();
    let log: Value = serde_json::from_str(&read("a.sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(read("b.xml").contains("<testsuite "));
    for wrong in ["sarif", "sarif=", "pdf=x"] {
        let (code, stdout, stderr) = lint(project.path(), &["--report", wrong, "migrations"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{wrong}: {stderr}");
    }
}

#[test]
fn a_policy_beside_the_project_is_read() {
    let project = project();
    put(
        project.path(),
        "migration-guard.toml",
        "[rules]\nindex-not-concurrent = \"off\"\n\n[[allow]]\nrule = \"drop-column\"\n\
         file = \"migrations/1_*\"\nreason = \"no release reads it\"\nuntil = \"2099-12-31\"\n",
    );
    let left = found(project.path(), &[]);
    assert!(!has(&left, "1_drop.sql", "drop-column"), "{left:?}");
    assert!(
        !has(&left, "2_index.sql", "index-not-concurrent"),
        "{left:?}"
    );
    let (_, stdout, _) = lint(project.path(), &["--json", "migrations"]);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let told = document["acknowledged"].as_array().unwrap();
    let drop = told
        .iter()
        .find(|a| a["finding"]["rule"] == "drop-column")
        .unwrap();
    assert_eq!(drop["reason"], "no release reads it");
}

#[test]
fn a_wrong_policy_is_one_line_with_its_place() {
    let project = project();
    for (text, line, hint) in [
        (
            "[rules]\ndrop-colum = \"off\"\n",
            2,
            "did you mean `drop-column`?",
        ),
        ("\n[ruls]\n", 2, "unknown field `ruls`"),
        (
            "[rules]\ndrop-column = \"loud\"\n",
            2,
            "unknown variant `loud`",
        ),
        (
            "[[allow]]\nrule = \"drop-column\"\nreason = \"\"\n",
            2,
            "has no reason",
        ),
        (
            "[[allow]]\nrule = \"drop-column\"\nreason = \"x\"\nuntil = \"soon\"\n",
            4,
            "2027-01-31",
        ),
        ("[rules\n", 1, ""),
    ] {
        put(project.path(), "p.toml", text);
        let (code, stdout, stderr) = lint(project.path(), &["--policy", "p.toml", "migrations"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{text}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(&format!("p.toml:{line}: ")), "{stderr}");
        assert!(stderr.contains(hint), "{stderr}");
    }
    let (code, ..) = lint(project.path(), &["--policy", "none.toml", "migrations"]);
    assert_eq!(code, Some(2));
}

#[test]
fn what_is_in_the_baseline_is_not_told_again() {
    let project = project();
    let words = ["--write-baseline", "known", "migrations"];
    assert_eq!(lint(project.path(), &words).0, Some(0));
    let words = ["--baseline", "known", "migrations"];
    let (code, stdout, stderr) = lint(project.path(), &words);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    put(
        project.path(),
        "migrations/3_more.sql",
        "DROP TABLE users;\n",
    );
    let left = found(project.path(), &["--baseline", "known"]);
    assert!(has(&left, "3_more.sql", "drop-table"), "{left:?}");
    assert!(
        left.iter().all(|(file, _)| file.ends_with("3_more.sql")),
        "{left:?}"
    );
    let (code, _, stderr) = lint(project.path(), &["--baseline", "nowhere", "migrations"]);
    assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
}

#[test]
fn only_what_changed_since_a_commit_is_told() {
    let project = project();
    let git = |words: &[&str]| {
        let done = Command::new("git")
            .current_dir(project.path())
            .args(["-c", "user.name=x", "-c", "user.email=x@localhost"])
            .args(words)
            .output()
            .unwrap();
        assert!(done.status.success(), "{words:?}: {done:?}");
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=first"]);
    assert_eq!(found(project.path(), &["--since", "main"]), []);
    put(
        project.path(),
        "migrations/3_table.sql",
        "CREATE TABLE fresh (id bigint PRIMARY KEY);\n",
    );
    git(&["switch", "--quiet", "--create", "topic"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=second"]);
    put(
        project.path(),
        "migrations/1_drop.sql",
        &format!("{DROP}DROP TABLE old;\n"),
    );
    // Not known to git yet; and what the chain made before is known to be empty.
    put(
        project.path(),
        "migrations/4_index.sql",
        "CREATE INDEX ON fresh (id);\n",
    );
    let told = found(project.path(), &["--since", "main"]);
    assert!(has(&told, "1_drop.sql", "drop-table"), "{told:?}");
    assert!(
        !told.iter().any(|(file, _)| file.ends_with("2_index.sql")),
        "{told:?}"
    );
    assert!(
        !has(&told, "4_index.sql", "index-not-concurrent"),
        "{told:?}"
    );
    for wrong in ["nowhere", "--output=x", ""] {
        let since = format!("--since={wrong}");
        let (code, _, stderr) = lint(project.path(), &[&since, "migrations"]);
        assert_eq!(
            (code, stderr.lines().count()),
            (Some(2), 1),
            "{wrong}: {stderr}"
        );
    }
    assert!(!project.path().join("x").exists());
}

#[test]
fn hazards_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    for dialect in ["postgres", "mysql"] {
        let output = guard(folder.path(), &["rules", "--json", "--dialect", dialect]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rules = document["rules"].as_array().unwrap();
        assert!(rules.iter().any(|r| r["id"] == "drop-column"), "{dialect}");
        let text = guard(folder.path(), &["rules", "--dialect", dialect]).stdout;
        assert_eq!(
            String::from_utf8(text).unwrap().lines().count(),
            rules.len()
        );
    }
}

#[test]
fn a_folder_is_read_as_its_tool_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "migrations/20260101000000_a.sql",
        "-- migrate:up\nCREATE TABLE t (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE t;\n",
    );
    let told = found(folder.path(), &[]);
    assert!(
        !told.iter().any(|(_, rule)| rule == "drop-table"),
        "{told:?}"
    );
    let (_, _, stderr) = lint(folder.path(), &["migrations"]);
    assert!(stderr.starts_with("layout: dbmate ("), "{stderr}");

    let diesel = tempfile::tempdir().unwrap();
    put(diesel.path(), "migrations/2026-01-01-000000_a/up.sql", DROP);
    put(
        diesel.path(),
        "migrations/2026-01-01-000000_a/down.sql",
        "SELECT 1;\n",
    );
    let told = found(diesel.path(), &["--layout", "diesel"]);
    assert!(
        has(&told, "2026-01-01-000000_a/up.sql", "drop-column"),
        "{told:?}"
    );
    let (code, stdout, stderr) = lint(diesel.path(), &["--layout", "liquibase", "migrations"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
}
