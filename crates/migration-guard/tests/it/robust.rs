//! Whatever is in a file, the answer is a script or a syntax error with a place.

use std::path::Path;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use ripcord_migration_guard::{ErrorKind, LintOptions, Runner, Script, Transactional, Unit, lint};

fn judge(text: &str) {
    match Script::parse(Path::new("m.sql"), text) {
        Ok(script) => {
            let statements = script.statements().len();
            let unit = Unit {
                script,
                transaction: Transactional::Yes,
            };
            let mut unknown = LintOptions::default();
            unknown.runner = Runner::Unknown;
            lint(std::slice::from_ref(&unit), &unknown).unwrap();
            let found = lint(&[unit], &LintOptions::default()).unwrap();
            assert_eq!(found.statements, statements);
            assert!(found.analysed <= statements);
            assert!(found.findings.iter().all(|f| f.line >= 1 && f.column >= 1));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Syntax);
            assert!(error.position().is_some(), "{error}");
        }
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
        "CONCURRENTLY",
        "ON",
        "t",
        "\"T x\"",
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
        "::",
        "text",
        "REFERENCES",
        "CONSTRAINT",
        "CHECK",
        "UNIQUE",
        "PRIMARY",
        "KEY",
        "USING",
        "SET",
        "TYPE",
        "varchar(10)",
        "RENAME",
        "TO",
        "DELETE",
        "FROM",
        "UPDATE",
        "WHERE",
        "true",
        "BEGIN",
        "COMMIT",
        "DO",
        "$$",
        "EXECUTE",
        "--",
        "\n",
        "/*",
        "*/",
        "PARTITION",
        "OF",
        "FOR",
        "VALUES",
        "IF",
        "EXISTS",
        "TRUNCATE",
        "CASCADE",
        "GRANT",
        "ALL",
        "PUBLIC",
        "INSERT",
        "INTO",
        "SELECT",
        "DO $$ BEGIN",
        "END $$;",
        "IF x THEN",
        "END IF;",
        "EXECUTE 'DROP TABLE t';",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM f();",
        "CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM t';",
        "CALL p();",
        "SELECT f();",
        "SAVEPOINT s;",
        "SET LOCAL lock_timeout = '1s';",
        "-- squawk-ignore ban-drop-table\n",
        "-- safety-assured:start\n",
        "-- safety-assured:end\n",
        "-- atlas:nolint\n",
        "-- ripcord:allow drop-table until 2027-01-31 why\n",
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
        judge(&text);
    }

    #[test]
    fn any_words(words in prop::collection::vec(word(), 0..60)) {
        judge(&words.join(" "));
    }
}
