use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::{Lint, LintOptions, Script, Severity, TableSize, Transactional, Unit, lint};

const SQL: &str = "ALTER TABLE orders DROP COLUMN note;\nCREATE INDEX by_day ON orders (day);\n\
                   CREATE INDEX by_day ON audit_2026 (day);\n";

fn found(sql: &str) -> Lint {
    let unit = Unit {
        script: Script::parse(Path::new("m/1.sql"), sql).unwrap(),
        transaction: Transactional::Yes,
    };
    lint(&[unit], &LintOptions::with_own_runner()).unwrap()
}

fn of<'a>(lint: &'a Lint, rule: &str) -> Vec<(&'a str, Severity)> {
    let named = lint.findings.iter().filter(|f| f.rule == rule);
    named
        .map(|f| (f.table.as_deref().unwrap_or(""), f.severity))
        .collect()
}

/// 2027-01-31.
fn today() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_801_353_600)
}

fn apply(policy: &Policy, lint: &mut Lint) {
    apply_with(policy, lint, &Baseline::default());
}

fn apply_with(policy: &Policy, lint: &mut Lint, baseline: &Baseline) {
    let mut session = policy.session(baseline, today());
    session.apply(lint);
    lint.findings
        .extend(session.finish(Path::new("policy.toml")));
}

fn allow(rule: &str, until: Option<&str>) -> Allow {
    Allow {
        rule: rule.to_owned(),
        reason: "nobody reads it".to_owned(),
        until: until.map(str::to_owned),
        ..Allow::default()
    }
}

#[test]
fn rules_and_tables_have_levels_of_their_own() {
    let mut lint = found(SQL);
    assert_eq!(of(&lint, "index-not-concurrent").len(), 2);
    let mut policy = Policy::default();
    policy
        .rules
        .insert("index-not-concurrent".to_owned(), RuleLevel::Blocker);
    policy
        .rules
        .insert("drop-column".to_owned(), RuleLevel::Off);
    policy.overrides.push(Override {
        rule: "*".to_owned(),
        tables: vec!["audit_*".to_owned()],
        level: RuleLevel::Info,
    });
    apply(&policy, &mut lint);
    assert_eq!(of(&lint, "drop-column"), []);
    assert_eq!(
        of(&lint, "index-not-concurrent"),
        [
            ("orders", Severity::Blocker),
            ("audit_2026", Severity::Info)
        ]
    );
}

#[test]
fn small_tables_are_a_note_unless_something_is_lost() {
    let mut lint = found(SQL);
    for finding in &mut lint.findings {
        finding.size = Some(TableSize {
            table: finding.table.clone().unwrap_or_default(),
            bytes: 8192,
            rows: Some(10),
        });
    }
    let lost = of(&lint, "drop-column")[0].1;
    let policy = Policy {
        small_table_bytes: Some(8192),
        ..Policy::default()
    };
    apply(&policy, &mut lint);
    assert_eq!(of(&lint, "index-not-concurrent")[0].1, Severity::Info);
    assert_eq!(of(&lint, "drop-column")[0].1, lost);
}

#[test]
fn what_is_allowed_is_told_and_ends() {
    let mut lint = found(SQL);
    let mut policy = Policy::default();
    policy.allow.push(allow("drop-column", Some("2027-01-31")));
    apply(&policy, &mut lint);
    assert_eq!(of(&lint, "drop-column"), []);
    let told = lint.acknowledged.iter();
    let told: Vec<_> = told
        .map(|a| (a.finding.rule.as_str(), a.reason.as_str()))
        .collect();
    assert!(
        told.contains(&("drop-column", "nobody reads it")),
        "{told:?}"
    );

    let mut lint = found(SQL);
    policy.allow[0].until = Some("2027-01-30".to_owned());
    policy.allow.push(allow("drop-table", None));
    apply(&policy, &mut lint);
    assert_eq!(of(&lint, "drop-column").len(), 1);
    let hygiene = of(&lint, "suppression-hygiene");
    assert_eq!(
        hygiene,
        [("", Severity::Warning), ("", Severity::Info)],
        "{lint:?}"
    );
}

#[test]
fn a_file_or_a_table_can_be_meant() {
    for (file, table, left) in [
        (Some("m/*.sql"), None, 0),
        (Some("m/2.sql"), None, 2),
        (None, Some("audit_*"), 1),
        (Some("m/1.sql"), Some("orders"), 1),
    ] {
        let mut lint = found(SQL);
        let mut policy = Policy::default();
        let mut allow = allow("index-not-concurrent", None);
        allow.file = file.map(str::to_owned);
        allow.table = table.map(str::to_owned);
        policy.allow.push(allow);
        apply(&policy, &mut lint);
        assert_eq!(
            of(&lint, "index-not-concurrent").len(),
            left,
            "{file:?} {table:?}"
        );
    }
}

#[test]
fn a_baseline_hides_what_was_there_and_nothing_else() {
    let before = found(SQL);
    let text = Baseline::render(&before);
    let baseline = Baseline::parse(Path::new("b"), &text).unwrap();
    assert_eq!(baseline.len(), before.findings.len());
    let mut after = found(&format!("-- moved\n\n{SQL}DROP TABLE users;\n"));
    let count = after.findings.len();
    apply_with(&Policy::default(), &mut after, &baseline);
    assert!(!after.findings.is_empty());
    assert!(
        after
            .findings
            .iter()
            .all(|f| f.statement.contains("DROP TABLE users")),
        "{after:?}"
    );
    assert_eq!(after.acknowledged.len() + after.findings.len(), count);
    // The very same statement once more is a new finding.
    let mut twice = found(&format!("{SQL}ALTER TABLE orders DROP COLUMN note;\n"));
    apply_with(&Policy::default(), &mut twice, &baseline);
    assert_eq!(of(&twice, "drop-column").len(), 1);
}

#[test]
fn a_baseline_of_something_else_is_refused() {
    let path = Path::new("b");
    let error = Baseline::parse(path, "# x\nnot a fingerprint\n").unwrap_err();
    assert_eq!(error.position(), Some((2, 1)), "{error}");
    let newer = "# Findings; schema 9.\n";
    assert!(Baseline::parse(path, newer).is_err());
}

#[test]
fn mistakes_are_told() {
    let mut policy = Policy::default();
    policy.rules.insert("drop-colum".to_owned(), RuleLevel::Off);
    policy.allow.push(allow("drop-column", Some("soon")));
    policy.allow.push(Allow {
        rule: "drop-table".to_owned(),
        ..Allow::default()
    });
    let mistakes = policy.mistakes();
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    assert!(mistakes[0].contains("`drop-colum`"));
}

#[test]
fn everything_cannot_be_off() {
    let mut policy = Policy::default();
    let mut over = |rule: &str, level| {
        policy.overrides = vec![Override {
            rule: rule.to_owned(),
            tables: vec!["*".to_owned()],
            level,
        }];
        policy.mistakes()
    };
    let refused = over("*", RuleLevel::Off);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("`*` cannot be off"), "{refused:?}");
    assert!(over("*", RuleLevel::Info).is_empty());
    assert!(over("drop-table", RuleLevel::Off).is_empty());
}

#[test]
fn what_is_off_is_counted() {
    let mut lint = found(SQL);
    let mut policy = Policy::default();
    let rule = "index-not-concurrent".to_owned();
    policy.rules.insert(rule, RuleLevel::Off);
    apply(&policy, &mut lint);
    assert_eq!(lint.turned_off, 2);
}

#[test]
fn an_exception_that_has_ended_hides_none_behind_it() {
    let mut policy = Policy::default();
    let mut over = allow("drop-column", Some("2026-01-01"));
    over.table = Some("*".to_owned());
    let mut current = allow("drop-column", Some("2027-12-31"));
    current.file = Some("*".to_owned());
    for all in [vec![over.clone(), current.clone()], vec![current, over]] {
        policy.allow = all;
        let mut lint = found(SQL);
        apply(&policy, &mut lint);
        assert_eq!(of(&lint, "drop-column"), [], "{:?}", policy.allow);
        let told = lint.acknowledged.iter();
        let told: Vec<_> = told.map(|a| a.until.as_deref()).collect();
        assert!(told.contains(&Some("2027-12-31")), "{told:?}");
    }
}

#[test]
fn an_exception_for_every_file_is_complained_of() {
    let mut lint = found(SQL);
    let mut policy = Policy::default();
    policy.allow.push(allow("drop-column", None));
    apply(&policy, &mut lint);
    assert_eq!(of(&lint, "drop-column"), []);
    assert_eq!(of(&lint, "suppression-hygiene"), [("", Severity::Warning)]);
    let mut lint = found(SQL);
    policy.allow[0].file = Some("*".to_owned());
    apply(&policy, &mut lint);
    assert_eq!(of(&lint, "suppression-hygiene"), []);
}
