use std::path::Path;

use super::*;
use crate::{Lint, LintOptions, Script, Severity, Transactional, Unit, lint};

/// What a hostile author could write into a name.
const SQL: &str = "ALTER TABLE \"a|b`c\n::error::<b>&amp;\" DROP COLUMN \"x]]>\";\nDROP TABLE t;\nDROP TABLE t;\nCREATE INDEX ON orders (day);\n";

fn found() -> Lint {
    let unit = Unit {
        script: Script::parse(Path::new("./m/1 %.sql"), SQL).unwrap(),
        transaction: Transactional::Yes,
    };
    let found = lint(&[unit], &LintOptions::with_own_runner()).unwrap();
    assert!(found.worst() == Some(Severity::Blocker), "{found:?}");
    found
}

#[test]
fn github_gets_one_line_a_finding() {
    let found = found();
    let text = github(&found, Severity::Info);
    assert_eq!(text.lines().count(), found.findings.len(), "{text}");
    for line in text.lines() {
        let known = ["::error ", "::warning ", "::notice "];
        assert!(known.iter().any(|k| line.starts_with(k)), "{line}");
        assert!(line.contains("file=m/1 %25.sql,line="), "{line}");
        assert_eq!(line.split("::").count().min(3), 3, "{line}");
    }
    let levels: Vec<&str> = text.lines().map(|l| &l[2..5]).collect();
    let mut sorted = levels.clone();
    sorted.sort_by_key(|l| ["err", "war", "not"].iter().position(|k| k == l));
    assert_eq!(levels, sorted);
}

#[test]
fn gitlab_gets_fingerprints_that_differ_and_last() {
    let read = |found: &Lint| -> Vec<String> {
        let issues: Vec<serde_json::Value> = serde_json::from_str(&gitlab(found)).unwrap();
        let text = |v: &serde_json::Value| v["fingerprint"].as_str().unwrap().to_owned();
        assert!(issues.iter().all(|i| i["location"]["path"] == "m/1 %.sql"));
        issues.iter().map(text).collect()
    };
    let found = found();
    let first = read(&found);
    let mut distinct = first.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
    let mut moved = found.clone();
    for finding in &mut moved.findings {
        finding.line += 7;
    }
    assert_eq!(read(&moved), first);
}

#[test]
fn junit_fails_for_errors_only() {
    let found = found();
    let clean = Path::new("m/2.sql");
    let text = junit(&found, &[clean]);
    let failures = found
        .findings
        .iter()
        .filter(|f| f.severity >= Severity::Error);
    let failures = failures.count();
    let head = format!(
        "tests=\"{}\" skipped=\"0\" failures=\"{failures}\" errors=\"0\"",
        found.findings.len() + 1
    );
    assert!(text.contains(&head), "{text}");
    assert!(text.contains("<testcase name=\"no findings\" classname=\"m/2.sql\"/>"));
    // What would end an element is escaped.
    assert!(!text.contains("<b>") && !text.contains("]]>"), "{text}");
}

#[test]
fn markdown_keeps_names_in_their_cells() {
    let found = found();
    let text = markdown(&found, Severity::Info);
    assert!(text.starts_with(MARKER));
    let rows = text.lines().filter(|l| l.starts_with("| **")).count();
    assert_eq!(rows, found.findings.len(), "{text}");
    // In a block of code nothing is markup.
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    assert!(!prose.concat().contains("<b>"), "{text}");
    for row in text.lines().filter(|l| l.starts_with("| **")) {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 4, "{row}");
    }
}

#[test]
fn a_comment_has_an_end() {
    let mut found = found();
    let one = found.findings[0].clone();
    found.findings = vec![one; 3000];
    let text = markdown(&found, Severity::Info);
    assert!(text.len() < 65_536);
    assert!(text.contains(" more."), "{}", &text[text.len() - 200..]);
}

#[test]
fn sarif_names_rules_levels_and_places() {
    let found = found();
    let log: serde_json::Value = serde_json::from_str(&sarif(&found)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), found.findings.len());
    for (result, finding) in results.iter().zip(&found.findings) {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][at]["id"], finding.rule);
        assert_eq!(result["ruleId"], finding.rule);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "m/1%20%25.sql");
        assert_eq!(place["region"]["startLine"], finding.line);
    }
}

type Report = fn(&Lint) -> String;

const REPORTS: &[(&str, Report)] = &[
    ("github", |l| github(l, Severity::Info)),
    ("gitlab", gitlab),
    ("junit", |l| junit(l, &[])),
    ("markdown", |l| markdown(l, Severity::Info)),
    ("sarif", sarif),
    ("text", |l| crate::render(l, &[], Severity::Info)),
];

#[test]
fn what_is_not_shown_is_counted_everywhere() {
    let mut found = found();
    for (name, report) in REPORTS {
        let text = report(&found);
        assert!(!text.contains("turned off"), "{name}: {text}");
    }
    let finding = found.findings.remove(0);
    found.acknowledged.push(crate::Acknowledged {
        finding,
        reason: "nobody reads it".to_owned(),
        until: None,
    });
    found.turned_off = 7;
    found.policy = Some("ci/guard.toml".into());
    for (name, report) in REPORTS {
        let text = report(&found);
        let said = match *name {
            "sarif" => ["\"acknowledged\":1", "\"turnedOff\":7", "ci/guard.toml"],
            _ => ["1 acknowledged", "7 turned off", "ci/guard.toml"],
        };
        for part in said {
            // Markdown spells a point as it is, and a file name in prose with a backslash before `_`.
            assert!(text.contains(part), "{name}: {text}");
        }
    }
}

#[test]
fn names_control_neither_terminals_nor_logs() {
    let path = Path::new("m/1\u{1b}[31m\n::error::x\u{202e}.sql");
    let sql = "DROP TABLE \"a\u{1b}[31m\u{9b}1m\n::error::y\u{202e}z\";\nDROP TABLE /* \u{9b}31m\u{1b}[2J */ t;\n";
    let unit = Unit {
        script: Script::parse(path, sql).unwrap(),
        transaction: Transactional::Yes,
    };
    let script = unit.script.clone();
    let found = lint(&[unit], &LintOptions::with_own_runner()).unwrap();
    assert!(found.findings.len() >= 2, "{found:?}");
    let mut texts: Vec<(&str, String)> = REPORTS.iter().map(|(n, r)| (*n, r(&found))).collect();
    let excerpts = crate::render(&found, &[&script], Severity::Info);
    texts.push(("excerpts", excerpts));
    for (name, text) in texts {
        // The path in a document is the file's, whatever it is called.
        let document = name == "gitlab";
        let bad = |c: &char| {
            let turns = !document && ('\u{202a}'..='\u{202e}').contains(c);
            turns || c.is_control() && *c != '\n'
        };
        let bad: Vec<char> = text.chars().filter(bad).collect();
        assert!(bad.is_empty(), "{name}: {bad:?} {text:?}");
        let begins = text.lines().any(|l| l.starts_with("::error::"));
        assert!(!begins, "{name}: {text}");
    }
}
