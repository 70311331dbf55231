//! The command line is a contract: help, exit codes, and the keys of every JSON document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Call, Shop, Site};

#[test]
fn help_is_stable() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for words in [
        "",
        "check",
        "plan",
        "deploy",
        "rollback",
        "resume",
        "abort",
        "status",
        "history",
        "migration",
        "migration lint",
        "migration check",
        "migration status",
        "migration analyse",
        "migration rehearse",
        "migration run",
        "migration revert",
        "backup",
        "backup create",
        "backup list",
        "backup verify",
        "backup restore",
        "backup gate",
        "notify",
        "notify test",
    ] {
        let words: Vec<&str> = words.split_whitespace().chain(["--help"]).collect();
        let said = Call::new(folder.path(), &words).env("COLUMNS", "100").run();
        assert_eq!(
            (said.code, said.stderr.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
        all.push_str(&format!("$ ripcord {}\n{}\n", words.join(" "), said.stdout));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_version_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let said = Call::new(folder.path(), &["--version"]).run();
    assert_eq!(said.code, Some(0));
    assert_eq!(
        said.stdout,
        format!("ripcord {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn usage_errors_exit_2_and_print_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["deploy"][..],
        &["no-such-command"],
        &["deploy", "v2", "--no-such"],
        &[],
    ] {
        let said = Call::new(folder.path(), words).run();
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (Some(2), ""),
            "{words:?}: {said:?}"
        );
        assert!(!said.stderr.is_empty());
    }
}

#[test]
fn checks_have_their_exit_codes() {
    let site = Site::new();
    assert_eq!(site.run(&["check"]).code, Some(0));
    assert_eq!(site.run(&["check", "pre"]).code, Some(0));
    site.put(&site.config().replace("kill -0 $(cat run/pid)", "exit 1"));
    assert_eq!(site.run(&["check", "pre"]).code, Some(3));
    assert_eq!(site.run(&["check", "no-such-gate"]).code, Some(2));
}

#[test]
fn a_failing_pre_gate_blocks_and_a_hotfix_passes_it() {
    let site = Site::new();
    site.release("broken", "500");
    site.put(&site.config().replace(
        "kill -0 $(cat run/pid)",
        "test $(readlink current) != releases/v1",
    ));
    let blocked = site.run(&["deploy", "v2", "--json"]);
    assert_eq!(blocked.code, Some(3), "{blocked:?}");
    assert_eq!(blocked.json()["reason_code"], "pre_gate");
    assert_eq!(site.serving().as_deref(), Some("v1"));
    let fixed = site.run(&["deploy", "v2", "--hotfix", "v1 is broken"]);
    assert_eq!(fixed.code, Some(0), "{fixed:?}");
    site.assert_tidy("after the hotfix");
}

/// v1 does not come back either: nobody pretends, and a person is asked for.
#[test]
fn a_way_back_that_fails_is_declared() {
    let site = Site::new();
    site.script("v1", "start.sh", "#!/bin/sh\necho broken >&2\nexit 7\n");
    let said = site.run(&["deploy", "v3", "--json"]);
    assert_eq!(said.code, Some(4), "{said:?}");
    let document = said.json();
    assert_eq!(
        (
            document["outcome"].as_str(),
            document["reason_code"].as_str()
        ),
        (Some("needs_human"), Some("rollback_failed"))
    );
    assert!(
        document["reasons"].to_string().contains("broken"),
        "{document}"
    );
    // It says so until somebody does something about it.
    let next = site.run(&["deploy", "v2", "--json"]);
    assert_eq!(
        (next.code, next.json()["reason_code"].as_str()),
        (Some(3), Some("needs_human"))
    );
    let status = site.run(&["status", "--json"]).json();
    assert_eq!(status["unfinished"], document["deployment"]);
    site.release("v1", "200");
    let resumed = site.run(&["resume", "--json"]);
    assert_eq!(resumed.code, Some(1), "{resumed:?}");
    assert_eq!(site.serving().as_deref(), Some("v1"));
}

#[test]
fn dry_runs_touch_nothing() {
    let site = Site::new();
    for words in [
        &["plan", "v2"][..],
        &["deploy", "v2", "--dry-run"],
        &["resume", "--dry-run"],
        &["abort", "--dry-run"],
    ] {
        assert_eq!(site.run(words).code, Some(0), "{words:?}");
        assert!(!site.journal().exists(), "{words:?}");
    }
    assert_eq!(site.serving().as_deref(), Some("v1"));
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[track_caller]
fn has(value: &Value, golden: &str) {
    assert_eq!(keys(value), golden.split_whitespace().collect(), "{value}");
}

const DEPLOYMENT: &str = "schema deployment environment release previous outcome reason_code reasons plan rehearsal preserved findings \
     steps undelivered begun ended first_bad owner";

#[test]
fn json_documents_have_their_keys() {
    let site = Site::new();
    let document = |words: &[&str]| {
        let said = site.run(&[words, &["--json"]].concat());
        let document = said.json();
        assert_eq!(document["schema"], 1, "{words:?}: {document}");
        document
    };
    let status_keys = "schema service environment desired running lease unfinished last";
    has(&document(&["status"]), status_keys);
    has(&document(&["history"]), "schema deployments");
    let plan = document(&["plan", "v2"]);
    has(
        &plan,
        "schema environment release previous running migrations plan predicted_downtime_seconds findings blocked outcome \
         provisional rehearsal",
    );
    has(&plan["plan"], "class basis reason undo lost strategy");
    let deployed = document(&["deploy", "v2"]);
    has(&deployed, DEPLOYMENT);
    has(&deployed["steps"][0], "name outcome seconds");
    has(&deployed["plan"], "class basis reason undo lost strategy");
    has(&document(&["resume"]), DEPLOYMENT);
    has(
        &document(&["resume", "--dry-run"]),
        "schema deployment running text",
    );
    has(
        &document(&["rollback", "--dry-run"]),
        "schema environment release previous plan blocked outcome",
    );
    has(&document(&["rollback"]), DEPLOYMENT);
    let history = document(&["history"]);
    has(&history["deployments"][0], DEPLOYMENT);
    assert_eq!(history["deployments"].as_array().unwrap().len(), 2);
    let status = document(&["status"]);
    has(&status["last"], DEPLOYMENT);
    has(
        &document(&["check"]),
        "schema gate verdict reason_code attempts seconds checks",
    );
}

#[test]
fn json_documents_about_databases_have_their_keys() {
    let Some(shop) = Shop::new() else { return };
    let document = |words: &[&str]| {
        let said = shop.run(&[words, &["--json"]].concat());
        let document = said.json();
        assert_eq!(document["schema"], 1, "{words:?}: {document}");
        document
    };
    let created = document(&["backup", "create"]);
    has(
        &created,
        "schema backup level bytes restore_seconds findings",
    );
    let id = created["backup"].as_str().unwrap();
    let list = document(&["backup", "list"]);
    has(&list, "schema backups");
    has(
        &list["backups"][0],
        "backup state level created source bytes rows restore_seconds labels",
    );
    has(
        &document(&["backup", "verify", id]),
        "schema backup level findings",
    );
    let restored = document(&[
        "backup",
        "restore",
        id,
        "--into",
        &format!("{}_aside", shop.pg.name),
    ]);
    has(&restored, "schema backup database switched");
    // Nobody is there to be asked whether what was written since may be lost.
    let into = format!("{}_again", shop.pg.name);
    for way in ["--switch", "--in-place"] {
        let words = ["backup", "restore", id, "--into", &into, way];
        let asked = document(&words);
        has(
            &asked,
            "schema backup database switched lost_estimate reason_code findings",
        );
        assert_eq!(asked["reason_code"], "restore_needs_consent", "{asked}");
        shop.expect(&words, 3);
    }
    let words = ["backup", "restore", id, "--into", &into, "--in-place"];
    let words = [&words[..], &["--allow-restore", "the test"]].concat();
    let replaced = document(&words);
    assert_eq!(replaced["database"], shop.pg.name.as_str(), "{replaced}");
    assert_eq!(replaced["allowed"], "the test");
    let plan = document(&["plan", "v3"]);
    has(&plan["migrations"][0], "id name reversible additive losses");
    for words in [
        &["backup", "gate"][..],
        &["migration", "lint", "--release", "v3"],
        &["migration", "status", "--release", "v3"],
        &["migration", "check", "--release", "v3"],
        &["migration", "analyse", "--release", "v3"],
        &["migration", "run", "--release", "v3", "--dry-run"],
        &[
            "migration",
            "revert",
            "--release",
            "v2",
            "--to",
            "1",
            "--dry-run",
        ],
    ] {
        let document = document(words);
        let shape: Vec<&str> = keys(&document).into_iter().collect();
        insta::assert_snapshot!(format!("keys_of_{}", words[..2].join("_")), shape.join(" "));
    }
}
