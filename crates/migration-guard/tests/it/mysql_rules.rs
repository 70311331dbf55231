//! Each rule for MySQL speaks where it should and is silent beside it.

use std::path::Path;

use ripcord_migration_guard::{
    Dialect, ErrorKind, Finding, Lint, LintOptions, Script, Severity, Transactional, Unit,
    assess_with, lint,
};

pub(crate) fn judge(sql: &str, server: &str) -> Lint {
    let mut options = LintOptions::default();
    options.dialect = Dialect::MySql;
    if !server.is_empty() {
        options.mysql_server = server.parse().unwrap();
    }
    let unit = Unit {
        script: Script::parse_as(Path::new("m.sql"), sql, Dialect::MySql).unwrap(),
        transaction: Transactional::No,
    };
    lint(&[unit], &options).unwrap()
}

fn rules(sql: &str) -> Vec<String> {
    let found = judge(sql, "");
    found.findings.into_iter().map(|f| f.rule).collect()
}

fn finding(sql: &str, rule: &str) -> Finding {
    let found = judge(sql, "").findings;
    let one = found.iter().find(|f| f.rule == rule);
    one.unwrap_or_else(|| panic!("{sql}: {found:#?}")).clone()
}

/// Rule, SQL that it speaks about, SQL that it is silent about.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "add-column-not-null-no-default",
        "ALTER TABLE t ADD a INT NOT NULL",
        "ALTER TABLE t ADD a INT NOT NULL DEFAULT 0, ADD b INT",
    ),
    (
        "app-n-1-breakage",
        "ALTER TABLE t MODIFY a TEXT",
        "CREATE TABLE t (a TEXT); ALTER TABLE t MODIFY A LONGTEXT",
    ),
    (
        "chain-conflict",
        "CREATE TABLE t (a INT); ALTER TABLE t ADD A INT",
        "CREATE TABLE t (a INT); ALTER TABLE t DROP a, ADD b INT; RENAME TABLE t TO u; CREATE TABLE t (a INT)",
    ),
    (
        "create-table-no-pk",
        "CREATE TABLE t (a INT, UNIQUE (a))",
        "CREATE TABLE t (a INT NOT NULL, UNIQUE (a))",
    ),
    (
        "create-table-no-pk",
        "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b)); ALTER TABLE t DROP a, DROP b",
        "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b)); ALTER TABLE t DROP a",
    ),
    (
        "create-trigger",
        "CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW SET @a = 1",
        "DROP TRIGGER r",
    ),
    (
        "ctas",
        "CREATE TABLE t AS SELECT 1 AS a",
        "CREATE TABLE t LIKE u",
    ),
    (
        "delete-no-where",
        "DELETE FROM t WHERE 1 = 1",
        "DELETE FROM t WHERE a = 1",
    ),
    (
        "drop-column",
        "ALTER TABLE t DROP a",
        "CREATE TABLE t (a INT, b INT); ALTER TABLE t DROP a",
    ),
    (
        "drop-column-in-index",
        "ALTER TABLE t ADD KEY i (b, A); ALTER TABLE t DROP a",
        "ALTER TABLE t ADD KEY i (b); ALTER TABLE t DROP a",
    ),
    (
        "drop-constraint",
        "ALTER TABLE t DROP FOREIGN KEY f",
        "ALTER TABLE t DROP INDEX i",
    ),
    (
        "drop-partition",
        "ALTER TABLE t DROP PARTITION p, q",
        "ALTER TABLE t DROP COLUMN p",
    ),
    (
        "drop-table",
        "DROP TABLE t",
        "CREATE TABLE t (a INT); DROP TABLE t",
    ),
    ("drop-trigger", "DROP TRIGGER r", "DROP VIEW r"),
    ("dynamic-sql", "PREPARE s FROM @a", "SELECT 'PREPARE s'"),
    (
        "fk-banned",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u (a))",
        "CREATE TABLE t (a INT, KEY (a))",
    ),
    (
        "index-count-limit",
        "CREATE TABLE t (a INT PRIMARY KEY, b INT, KEY (b), UNIQUE (b), KEY (a, b), KEY (b, a), FULLTEXT (b))",
        "CREATE TABLE t (a INT PRIMARY KEY, b INT, KEY (b), UNIQUE (b), KEY (a, b), KEY (b, a))",
    ),
    (
        "index-redundant",
        "CREATE TABLE t (a INT, b INT, KEY i (a), KEY j (a, b))",
        "CREATE TABLE t (a INT, b INT, KEY i (a), KEY j (b, a)); CREATE TABLE u (a INT, KEY i (a))",
    ),
    (
        "index-too-wide",
        "CREATE INDEX i ON t (a, b, c, d)",
        "CREATE INDEX i ON t (a, b, c)",
    ),
    ("lock-table", "LOCK TABLES t WRITE", "UNLOCK TABLES"),
    (
        "my-add-check",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED",
    ),
    (
        "my-add-column-position",
        "ALTER TABLE t MODIFY a INT FIRST",
        "ALTER TABLE t MODIFY a INT, ADD b INT",
    ),
    (
        "my-add-fk",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (a)",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u (a))",
    ),
    (
        "my-auto-increment",
        "ALTER TABLE t ADD a INT UNSIGNED AUTO_INCREMENT UNIQUE",
        "CREATE TABLE t (a BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT = 7",
    ),
    (
        "my-charset",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
        "CREATE TABLE t (a TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) DEFAULT CHARSET=utf8mb4",
    ),
    (
        "my-copy-algorithm",
        "ALTER TABLE t ADD a INT, ALGORITHM=COPY",
        "ALTER TABLE t ADD a INT, ALGORITHM=INPLACE, LOCK=NONE",
    ),
    (
        "my-copy-algorithm",
        "ALTER TABLE t DROP PRIMARY KEY, ALGORITHM=INPLACE",
        "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a), ALGORITHM=INPLACE",
    ),
    (
        "my-drop-column-pre8029",
        "ALTER TABLE t ADD KEY i (a); ALTER TABLE t DROP a",
        "ALTER TABLE t DROP a",
    ),
    (
        "my-engine",
        "CREATE TABLE t (a INT) ENGINE=MyISAM",
        "CREATE TABLE t (a INT) ENGINE = InnoDB",
    ),
    (
        "my-engine",
        "SET default_storage_engine = Aria",
        "SET default_storage_engine = InnoDB",
    ),
    (
        "my-enum-set-change",
        "ALTER TABLE t ADD e ENUM('a','b'); ALTER TABLE t MODIFY e ENUM('b','a')",
        "ALTER TABLE t ADD e ENUM('a','b'); ALTER TABLE t MODIFY e ENUM('a','b','c')",
    ),
    (
        "my-fulltext-spatial",
        "CREATE FULLTEXT INDEX i ON t (a)",
        "CREATE TABLE t (a TEXT, FULLTEXT KEY i (a))",
    ),
    (
        "my-implicit-update",
        "ALTER TABLE t ADD a INT NOT NULL",
        "ALTER TABLE t ADD a INT",
    ),
    (
        "my-inline-references",
        "CREATE TABLE t (a INT REFERENCES u (a))",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u (a))",
    ),
    (
        "my-lock-option",
        "ALTER TABLE t ADD a INT",
        "ALTER TABLE t ADD a INT, ALGORITHM=INSTANT; ALTER TABLE t RENAME TO u",
    ),
    (
        "multiple-alter-same-table",
        "ALTER TABLE t ADD a INT; ALTER TABLE t ADD b INT",
        "ALTER TABLE t ADD a INT; ALTER TABLE u ADD b INT",
    ),
    (
        "my-mdl-wait",
        "ALTER TABLE t ADD a INT",
        "SET SESSION lock_wait_timeout = 5; ALTER TABLE t ADD a INT",
    ),
    (
        "my-no-tx-ddl",
        "ALTER TABLE t ADD a INT; ALTER TABLE u ADD a INT",
        "INSERT INTO t VALUES (1); ALTER TABLE u ADD a INT",
    ),
    (
        "my-partition",
        "ALTER TABLE t PARTITION BY HASH (a) PARTITIONS 4",
        "ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (9))",
    ),
    (
        "my-pk-change",
        "ALTER TABLE t DROP PRIMARY KEY",
        "ALTER TABLE t DROP INDEX p",
    ),
    (
        "my-set-not-null",
        "ALTER TABLE t MODIFY a INT NOT NULL DEFAULT 0",
        "ALTER TABLE t ADD a INT NOT NULL DEFAULT 0; ALTER TABLE t MODIFY a INT NOT NULL DEFAULT 1",
    ),
    (
        "my-stored-generated",
        "ALTER TABLE t ADD a INT AS (b + 1) STORED",
        "ALTER TABLE t ADD a INT AS (b + 1)",
    ),
    (
        "my-type-change",
        "ALTER TABLE t ADD a VARCHAR(63); ALTER TABLE t MODIFY a VARCHAR(64)",
        "ALTER TABLE t ADD a VARCHAR(40); ALTER TABLE t CHANGE a b VARCHAR(63)",
    ),
    (
        "naming",
        "CREATE TABLE `orderLines` (id INT)",
        "CREATE TABLE order_lines (id INT, a INT, KEY idx_order_lines_a (a), CONSTRAINT fk_order_lines_a_u_id FOREIGN KEY (a) REFERENCES u (id))",
    ),
    (
        "required-columns-comments",
        "CREATE TABLE t (a INT COMMENT 'x'); ALTER TABLE t MODIFY a BIGINT",
        "CREATE TABLE t (a INT COMMENT 'x'); ALTER TABLE t MODIFY a BIGINT COMMENT 'x'",
    ),
    (
        "rename-table",
        "RENAME TABLE t TO u",
        "CREATE TABLE t (a INT); RENAME TABLE t TO u",
    ),
    (
        "system-settings",
        "SET @@GLOBAL.read_only = 1",
        "SET @@SESSION.sort_buffer_size = 1",
    ),
    (
        "truncate",
        "ALTER TABLE t TRUNCATE PARTITION p",
        "CREATE TABLE t (a INT); TRUNCATE t",
    ),
    (
        "type-narrowing",
        "ALTER TABLE t ADD a BIGINT; ALTER TABLE t MODIFY a INT",
        "ALTER TABLE t ADD a INT; ALTER TABLE t MODIFY a BIGINT",
    ),
    ("unanalysed", "FROBNICATE TABLE t", "SHOW TABLES"),
    (
        "update-no-where",
        "UPDATE t SET a = 1",
        "UPDATE t JOIN u ON t.a = u.a SET t.b = 1",
    ),
    ("vacuum-full", "OPTIMIZE TABLE t", "ANALYZE TABLE t"),
    (
        "view-change",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
    ),
];

#[test]
fn rules_speak_and_are_silent() {
    let mut wrong = Vec::new();
    for (rule, speaks, silent) in PAIRS {
        let rule = (*rule).to_owned();
        if !rules(speaks).contains(&rule) {
            wrong.push(format!("{rule} is silent on {speaks}: {:?}", rules(speaks)));
        }
        if rules(silent).contains(&rule) {
            wrong.push(format!("{rule} speaks on {silent}"));
        }
        for sql in [speaks, silent] {
            let found = judge(sql, "");
            let blind = matches!(rule.as_str(), "unanalysed" | "dynamic-sql");
            if found.analysed < found.statements && !blind {
                wrong.push(format!("{sql} is not understood"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn migrations_of_mysql_are_linted_and_not_run() {
    let mut options = LintOptions::default();
    options.dialect = Dialect::MySql;
    let refused = assess_with(&[], &options).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[test]
fn the_version_decides() {
    let has = |sql: &str, server: &str, rule: &str| {
        judge(sql, server).findings.iter().any(|f| f.rule == rule)
    };
    let first = "ALTER TABLE t ADD a INT FIRST";
    assert!(has(first, "8.0.28", "my-add-column-position"));
    assert!(!has(first, "8.0.29", "my-add-column-position"));
    let drop = "ALTER TABLE t DROP a";
    assert!(has(drop, "8.0.28", "my-drop-column-pre8029"));
    assert!(!has(drop, "8.4", "my-drop-column-pre8029"));
    assert!(!has(drop, "mariadb-10.6", "my-drop-column-pre8029"));
    let moved = "ALTER TABLE t MODIFY a INT FIRST";
    assert!(has(moved, "8.4", "my-add-column-position"));
    assert!(!has(moved, "mariadb-10.6", "my-add-column-position"));
    let inline = "CREATE TABLE t (a INT REFERENCES u (a))";
    assert!(has(inline, "8.4", "my-inline-references"));
    assert!(!has(inline, "9.0", "my-inline-references"));
}

#[test]
fn one_clause_that_is_not_known_hides_no_other() {
    let sql = "SELECT 1;\n  ALTER TABLE t FROBNICATE 3, DROP COLUMN a;\nDROP TABLE u;";
    let found = judge(sql, "");
    assert_eq!((found.analysed, found.statements), (2, 3));
    let at = |rule: &str| {
        let one = found.findings.iter().find(|f| f.rule == rule);
        one.map(|f| (f.line, f.column))
    };
    assert_eq!(at("unanalysed"), Some((2, 3)));
    assert_eq!(at("drop-column"), Some((2, 3)));
    assert_eq!(at("drop-table"), Some((3, 1)));
}

#[test]
fn partitions_hide_nothing_behind_them() {
    let found = judge("ALTER TABLE t TRUNCATE PARTITION p, DROP COLUMN a", "");
    let has = |rule: &str| found.findings.iter().any(|f| f.rule == rule);
    assert!(
        has("truncate") && has("unanalysed"),
        "{:#?}",
        found.findings
    );
    let all = "ALTER TABLE t ADD COLUMN a INT, TRUNCATE PARTITION p, q";
    assert!(rules(all).contains(&"truncate".to_owned()));
}

#[test]
fn several_renames_in_one_statement_are_one_change() {
    let one = rules("RENAME TABLE a TO b, c TO d");
    assert!(!one.contains(&"my-no-tx-ddl".to_owned()), "{one:?}");
    assert_eq!(one.iter().filter(|r| *r == "rename-table").count(), 2);
    let two = rules("RENAME TABLE a TO b; RENAME TABLE c TO d; RENAME TABLE e TO f");
    assert_eq!(two.iter().filter(|r| *r == "my-no-tx-ddl").count(), 1);
    assert_eq!(two.iter().filter(|r| *r == "my-mdl-wait").count(), 1);
}

#[test]
fn names_are_quoted_as_mysql_does() {
    let one = finding("DROP TABLE `Odd Name`", "drop-table");
    assert_eq!(one.table.as_deref(), Some("`Odd Name`"));
    assert!(
        one.message.starts_with("`Odd Name` is dropped"),
        "{}",
        one.message
    );
    let plain = finding("DROP TABLE Orders", "drop-table");
    assert_eq!(plain.table.as_deref(), Some("Orders"));
}

#[test]
fn an_exception_with_a_reason_is_kept_to() {
    let sql = "# ripcord:allow drop-table nobody uses it\nDROP TABLE t;";
    assert!(!rules(sql).contains(&"drop-table".to_owned()));
}

#[test]
fn an_index_beside_a_new_column_is_said_to_write_every_row() {
    let both = "ALTER TABLE t ADD a INT, ADD KEY i (b), ALGORITHM=INPLACE, LOCK=NONE";
    let one = finding(both, "my-lock-option");
    assert!(one.rewrite && one.severity == Severity::Warning, "{one:#?}");
    let apart =
        "ALTER TABLE t ADD a INT, ALGORITHM=INSTANT; ALTER TABLE t ADD KEY i (b), LOCK=NONE";
    assert!(!rules(apart).contains(&"my-lock-option".to_owned()));
}

#[test]
fn severity_follows_what_is_at_stake() {
    let unchecked =
        "SET foreign_key_checks = 0; ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (a)";
    assert_eq!(finding(unchecked, "my-add-fk").severity, Severity::Warning);
    let checked = "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (a)";
    assert_eq!(finding(checked, "my-add-fk").severity, Severity::Error);
    let opened = "BEGIN; INSERT INTO t VALUES (1); DROP TABLE u; COMMIT;";
    assert_eq!(finding(opened, "my-no-tx-ddl").severity, Severity::Error);
}
