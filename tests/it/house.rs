//! How the house is built: read from `cargo`, not from good intentions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const CRATES: [&str; 5] = [
    "ripcord-health-probe",
    "ripcord-migration-guard",
    "ripcord-backup",
    "ripcord-notify",
    "ripcord-rollback",
];
/// Beside the five there may be leaves that two of them need, each named by one noun. This is all of them.
const LEAVES: [&str; 1] = ["ripcord-conninfo"];

fn cargo(words: &[&str]) -> String {
    let done = Command::new(env!("CARGO"))
        .args(words)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

fn members() -> Vec<Value> {
    let text = cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--offline",
    ]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn folder(package: &Value) -> &Path {
    Path::new(package["manifest_path"].as_str().unwrap())
        .parent()
        .unwrap()
}

#[test]
fn the_five_crates_do_not_know_each_other() {
    let members = members();
    let own: BTreeSet<&str> = members.iter().map(name).collect();
    for package in &members {
        let name = name(package);
        if !folder(package).parent().unwrap().ends_with("crates") {
            continue;
        }
        assert!(
            CRATES.contains(&name) || LEAVES.contains(&name),
            "{name} is not one of the five, nor a known leaf"
        );
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            // A crate may switch on its own features for its own tests.
            if !own.contains(to) || (to == name && dependency["kind"] == "dev") {
                continue;
            }
            assert!(LEAVES.contains(&to), "{name} depends on {to}");
            assert!(!LEAVES.contains(&name), "the leaf {name} depends on {to}");
        }
    }
    for wanted in CRATES.iter().chain(&LEAVES) {
        assert!(own.contains(wanted), "{wanted} is gone");
    }
}

#[test]
fn nothing_is_named_after_nothing() {
    let empty = [
        "utils", "util", "common", "helpers", "helper", "core", "misc", "shared",
    ];
    for package in members() {
        for part in name(&package).split('-') {
            assert!(!empty.contains(&part), "package {}", name(&package));
        }
        for target in package["targets"].as_array().unwrap() {
            assert!(!empty.contains(&target["name"].as_str().unwrap()));
        }
        for file in sources(folder(&package)) {
            let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
            let parent = file
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            assert!(
                !empty.contains(&&*stem) && !empty.contains(&&*parent),
                "{}",
                file.display()
            );
        }
    }
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for package in members() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{}",
            name(&package)
        );
    }
}

/// What a team gets that adds one crate and asks for nothing.
#[test]
fn a_crate_brings_nothing_that_was_not_asked_for() {
    let refused = [
        "rustls",
        "ring",
        "openssl",
        "openssl-sys",
        "native-tls",
        "aws-lc-rs",
        "tokio-postgres",
        "postgres-types",
        "rusqlite",
        "libsqlite3-sys",
        "fred",
        "reqwest",
        "hyper",
        "mockall",
        "anyhow",
    ];
    for name in CRATES.iter().chain(&LEAVES) {
        let tree = tree(name, &[]);
        for package in tree.keys() {
            assert!(
                !refused.contains(&package.as_str()),
                "{name} brings {package} by default"
            );
            let own = package.starts_with("ripcord-") && package != name;
            assert!(!own, "{name} brings {package} by default");
        }
    }
}

/// Also with everything switched on: no OpenSSL, no second TLS stack, no sibling.
#[test]
fn features_bring_one_tls_stack_and_no_sibling() {
    for name in CRATES {
        let tree = tree(name, &["--all-features"]);
        for package in tree.keys() {
            for refused in [
                "openssl-sys",
                "native-tls",
                "aws-lc-rs",
                "aws-lc-sys",
                "anyhow",
            ] {
                assert_ne!(package, refused, "{name} with all features");
            }
            let sibling = package != name && CRATES.contains(&package.as_str());
            assert!(!sibling, "{name} with all features brings {package}");
        }
    }
}

fn tree(package: &str, more: &[&str]) -> BTreeMap<String, String> {
    let words = [
        "tree",
        "--offline",
        "-e",
        "normal",
        "--prefix",
        "none",
        "-f",
        "{p}",
        "-p",
        package,
    ];
    let text = cargo(&[&words[..], more].concat());
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(' ')?;
            Some((name.to_owned(), rest.to_owned()))
        })
        .collect()
}

#[test]
fn anyhow_is_for_programs() {
    for package in members() {
        let place = folder(&package).to_string_lossy().into_owned();
        let library = place.contains("/crates/");
        for dependency in package["dependencies"].as_array().unwrap() {
            assert!(
                !(library && dependency["name"] == "anyhow"),
                "{}",
                name(&package)
            );
        }
    }
}
