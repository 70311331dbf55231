//! Whatever is in a file for MySQL, the answer is findings.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use crate::mysql_rules::judge;

#[test]
fn odd_files_are_findings() {
    let deep = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    let cases = "CASE WHEN ".repeat(20_000);
    for sql in [
        "\u{feff}DROP TABLE t;\r\nDROP TABLE u;\r\n",
        "DROP TABLE t;\0\0",
        "SELECT 'never closed; DROP TABLE t;",
        "CREATE PROCEDURE p() BEGIN DROP TABLE t;",
        &deep,
        &format!("SELECT {cases}"),
        &format!("CREATE TABLE t {}", "(".repeat(50_000)),
        &format!(
            "ALTER TABLE t ADD CHECK ({}1{})",
            "(".repeat(50_000),
            ")".repeat(50_000)
        ),
        &format!("SELECT 1{}", " + 1".repeat(200_000)),
        &format!(
            "INSERT INTO t VALUES {}(1)",
            "('it\\'s'),".repeat(1_000_000)
        ),
        &format!("SELECT '{}'", "x".repeat(10_000_000)),
        &format!("ALTER TABLE t {}", "ADD a INT,".repeat(20_000)),
        &"DROP TABLE t;".repeat(20_000),
        "DELIMITER",
        "DELIMITER ;;\nDROP TABLE t",
        "/*!",
        "/*!50000 DROP TABLE t",
        "`",
        ",",
    ] {
        let found = judge(sql, "");
        assert!(found.analysed <= found.statements);
        assert!(found.findings.iter().all(|f| f.line >= 1 && f.column >= 1));
        assert!(
            found.analysed == found.statements
                || found.findings.iter().any(|f| f.rule == "unanalysed"),
            "{}",
            &sql[..sql.len().min(60)]
        );
    }
}

#[test]
fn what_a_body_that_never_ends_may_hide_is_not_passed() {
    for sql in [
        "CREATE PROCEDURE p() BEGIN DROP TABLE t;",
        "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; DROP TABLE t;",
        "SELECT 1 /* DROP TABLE t;",
        "SELECT 1 /*! ; DROP TABLE t;",
    ] {
        let found = judge(sql, "");
        assert_eq!(found.analysed, 0, "{sql}");
        assert!(
            found.findings.iter().any(|f| f.rule == "unanalysed"),
            "{sql}"
        );
    }
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "ALTER",
        "TABLE",
        "ADD",
        "COLUMN",
        "DROP",
        "CREATE",
        "INDEX",
        "FULLTEXT",
        "UNIQUE",
        "KEY",
        "PRIMARY",
        "ON",
        "t",
        "`T x`",
        "(",
        ")",
        ",",
        ";",
        "NOT",
        "NULL",
        "DEFAULT",
        "now()",
        "1",
        "'a'",
        "\"b\"",
        "INT",
        "varchar(10)",
        "ENUM('a')",
        "UNSIGNED",
        "AUTO_INCREMENT",
        "COMMENT",
        "CHARSET",
        "utf8mb4",
        "COLLATE",
        "REFERENCES",
        "FOREIGN",
        "CONSTRAINT",
        "CHECK",
        "MODIFY",
        "CHANGE",
        "RENAME",
        "TO",
        "AFTER",
        "FIRST",
        "ALGORITHM",
        "=",
        "INSTANT",
        "LOCK",
        "NONE",
        "PARTITION",
        "BY",
        "HASH",
        "VALUES",
        "LESS",
        "THAN",
        "DELETE",
        "FROM",
        "UPDATE",
        "SET",
        "WHERE",
        "BEGIN",
        "END",
        "COMMIT",
        "PROCEDURE",
        "TRIGGER",
        "p",
        "CASE",
        "IF",
        "EXISTS",
        "--",
        "#",
        "\n",
        "/*",
        "/*!50100",
        "*/",
        "DELIMITER",
        "//",
        "AS",
        "SELECT",
        "INSERT",
        "INTO",
        "ENGINE",
        "InnoDB",
        "CONVERT",
        "CHARACTER",
        "ORDER",
        "LIKE",
        "IGNORE",
        ".",
        "@a",
        "GRANT",
        "ALL",
        "TRUNCATE",
        "USE",
        "TABLES",
        "STORED",
        "GENERATED",
        "ALWAYS",
        "\\",
        "-",
    ];
    prop_oneof![
        20 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => Just("ü'".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        judge(&text, "");
    }

    #[test]
    fn any_words(words in prop::collection::vec(word(), 0..60)) {
        judge(&words.join(" "), "");
    }

    #[test]
    fn any_change(words in prop::collection::vec(word(), 0..12)) {
        judge(&format!("ALTER TABLE t {}", words.join(" ")), "");
        judge(&format!("CREATE TABLE t (a {})", words.join(" ")), "");
    }
}
