use std::path::Path;

use ripcord_migration_guard::{
    Lint, LintOptions, Script, Severity, Transactional, Unit, lint, render,
};

fn chain(files: &[(&str, &str)]) -> (Lint, Vec<Unit>) {
    let units: Vec<Unit> = files
        .iter()
        .map(|(name, sql)| Unit {
            script: Script::parse(Path::new(name), sql).unwrap(),
            transaction: Transactional::Yes,
        })
        .collect();
    let found = lint(&units, &LintOptions::with_own_runner()).unwrap();
    (found, units)
}

#[test]
fn findings_read_like_a_compilers() {
    let (found, units) = chain(&[
        (
            "migrations/7_orders.up.sql",
            "-- orders no longer carry notes\nALTER TABLE orders DROP COLUMN note;\n\n\
             CREATE INDEX orders_by_day ON orders (day);\n",
        ),
        (
            "migrations/8_total.up.sql",
            "ALTER TABLE orders\n    ALTER COLUMN total TYPE numeric(12, 2);\n\
             CREATE TABLE fresh (id bigint PRIMARY KEY);\nCREATE INDEX ON fresh (id);\n",
        ),
    ]);
    let scripts: Vec<&Script> = units.iter().map(|u| &u.script).collect();
    insta::assert_snapshot!(render(&found, &scripts, Severity::Warning));
}

#[test]
fn an_exception_needs_a_reason_and_a_use() {
    let rules = |sql: &str| -> Vec<String> {
        chain(&[("1.up.sql", sql)])
            .0
            .findings
            .into_iter()
            .map(|f| f.rule)
            .collect()
    };
    let drop = "ALTER TABLE t DROP COLUMN c;";
    assert!(rules(drop).contains(&"drop-column".to_owned()));
    let reasoned = rules(&format!(
        "-- ripcord:allow drop-column moved to another table in 5\n{drop}"
    ));
    assert!(
        !reasoned.contains(&"drop-column".to_owned()),
        "{reasoned:?}"
    );
    assert!(
        !reasoned.contains(&"suppression-hygiene".to_owned()),
        "{reasoned:?}"
    );
    for bad in [
        "-- ripcord:allow drop-column",
        "-- ripcord:allow drop-colum typed in haste",
    ] {
        let found = rules(&format!("{bad}\n{drop}"));
        assert!(found.contains(&"drop-column".to_owned()), "{bad}");
        assert!(found.contains(&"suppression-hygiene".to_owned()), "{bad}");
    }
    let unused = rules("-- ripcord:allow drop-column not here any more\nSELECT 1;");
    assert_eq!(unused, ["suppression-hygiene"]);
    let elsewhere = rules(&format!(
        "-- ripcord:allow drop-column only this one\n{drop}\n{drop}"
    ));
    assert!(
        elsewhere.contains(&"drop-column".to_owned()),
        "one statement, not the file"
    );
    let in_text = rules(&format!(
        "SELECT '-- ripcord:allow drop-column not a comment';\n{drop}"
    ));
    assert!(in_text.contains(&"drop-column".to_owned()));
}

#[test]
fn what_is_not_understood_is_said() {
    let (found, _) = chain(&[(
        "1.up.sql",
        "SELECT 1;\nDO $$ BEGIN EXECUTE 'DROP TABLE ' || x; END $$;\nCALL tidy_up();\n",
    )]);
    assert_eq!((found.statements, found.analysed), (3, 1));
    let lines: Vec<_> = found
        .findings
        .iter()
        .filter(|f| f.rule == "dynamic-sql")
        .map(|f| f.line)
        .collect();
    assert_eq!(lines, [2, 3]);
}

#[test]
fn inside_a_do_block_the_same_rules_hold() {
    let (found, _) = chain(&[(
        "1.up.sql",
        "DO $$ BEGIN IF true THEN DROP TABLE a; END IF; EXECUTE 'TRUNCATE b'; END $$;",
    )]);
    let rules: Vec<_> = found.findings.iter().map(|f| f.rule.as_str()).collect();
    assert!(
        rules.contains(&"drop-table") && rules.contains(&"truncate"),
        "{rules:?}"
    );
    assert_eq!(found.analysed, 1);
}
