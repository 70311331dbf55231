//! What DO blocks and called routines hold is judged as if it stood in the file.

use std::path::Path;

use ripcord_migration_guard::{Finding, Lint, LintOptions, Script, Transactional, Unit, lint};

fn judge(files: &[&str]) -> Lint {
    let unit = |(at, sql): (usize, &&str)| Unit {
        script: Script::parse(Path::new(&format!("{at}.sql")), sql)
            .unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction: Transactional::Yes,
    };
    let chain: Vec<Unit> = files.iter().enumerate().map(unit).collect();
    lint(&chain, &LintOptions::default()).unwrap()
}

fn of<'a>(found: &'a Lint, rule: &str) -> Vec<&'a Finding> {
    found.findings.iter().filter(|f| f.rule == rule).collect()
}

#[test]
fn the_inside_of_a_block_has_lines_of_its_own() {
    let sql = "-- a note\n\
               DO $body$\n\
               DECLARE\n\
               \x20 n int := 0;\n\
               BEGIN\n\
               \x20 IF n = 0 THEN\n\
               \x20   DROP TABLE orders;\n\
               \x20 END IF;\n\
               \x20 EXECUTE 'ALTER TABLE users ' ||\n\
               \x20   'DROP COLUMN email';\n\
               END\n\
               $body$;\n\
               DROP TABLE after;\n";
    let found = judge(&[sql]);
    let tables: Vec<_> = of(&found, "drop-table")
        .iter()
        .map(|f| (f.line, f.column))
        .collect();
    assert_eq!(tables, [(7, 5), (13, 1)]);
    let columns: Vec<_> = of(&found, "drop-column")
        .iter()
        .map(|f| (f.line, f.column))
        .collect();
    assert_eq!(columns, [(9, 3)]);
    assert_eq!((found.statements, found.analysed), (2, 2));
}

#[test]
fn a_body_in_single_quotes_keeps_its_lines() {
    let sql = "DO '\nBEGIN\n  UPDATE t SET a = ''it''''s'';\n  TRUNCATE t;\nEND';";
    let found = judge(&[sql]);
    assert_eq!(of(&found, "update-no-where")[0].line, 3);
    assert_eq!(of(&found, "truncate")[0].line, 4);
}

#[test]
fn what_is_put_together_at_run_time_is_a_riddle() {
    for body in [
        "EXECUTE 'DROP TABLE ' || x",
        "EXECUTE format('DROP TABLE %I', x)",
        "FOR r IN SELECT c.relname FROM pg_class c LOOP EXECUTE 'TRUNCATE ' || r.relname; END LOOP",
        "FOR r IN EXECUTE 'SELECT 1 AS ' || x LOOP NULL; END LOOP",
    ] {
        let sql = format!("DO $$ DECLARE x text; r record;\nBEGIN\n{body};\nEND $$;");
        let found = judge(&[&sql]);
        let riddles = of(&found, "dynamic-sql");
        assert_eq!(riddles.len(), 1, "{body}: {:?}", found.findings);
        assert_eq!(riddles[0].line, 3, "{body}");
        assert_eq!((found.statements, found.analysed), (1, 0), "{body}");
    }
    let python = judge(&["DO LANGUAGE plpython3u $$ plpy.execute('DROP TABLE a') $$;"]);
    assert_eq!(of(&python, "dynamic-sql").len(), 1);
    assert_eq!(python.analysed, 0);
}

#[test]
fn a_condition_makes_nothing_certain() {
    // The table may have been there: dropping it is not taking back what this file did.
    let guarded = "DO $$ BEGIN IF x() THEN CREATE TABLE t (a int); END IF; END $$; DROP TABLE t;";
    assert_eq!(of(&judge(&[guarded]), "drop-table").len(), 1);
    let caught = "DO $$ BEGIN CREATE TABLE t (a int);
                  EXCEPTION WHEN duplicate_table THEN NULL; END $$; DROP TABLE t;";
    assert_eq!(of(&judge(&[caught]), "drop-table").len(), 1);
    let plain = "DO $$ BEGIN CREATE TABLE t (a int); END $$; DROP TABLE t;";
    assert_eq!(of(&judge(&[plain]), "drop-table").len(), 0);
}

#[test]
fn what_returns_into_a_variable_is_judged_like_the_rest() {
    let sql = "DO $$\nDECLARE n int; r record;\nBEGIN\n\
               \x20 SELECT a, b INTO STRICT n, r FROM t;\n\
               \x20 DELETE FROM t RETURNING a INTO n;\n\
               \x20 WITH gone AS (DELETE FROM u RETURNING a) SELECT count(*) INTO n FROM gone;\n\
               \x20 EXECUTE 'TRUNCATE t' INTO n;\n\
               END $$;";
    let found = judge(&[sql]);
    let lines: Vec<u32> = of(&found, "delete-no-where")
        .iter()
        .map(|f| f.line)
        .collect();
    assert_eq!(lines, [5, 6]);
    assert_eq!(of(&found, "truncate")[0].line, 7);
    assert_eq!(found.analysed, 1);
}

#[test]
fn select_into_sets_a_variable_there() {
    let found = judge(&["DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM t; END $$;"]);
    assert_eq!(of(&found, "ctas").len(), 0);
    assert_eq!(found.analysed, 1);
    assert_eq!(of(&judge(&["SELECT a INTO n FROM t;"]), "ctas").len(), 1);
}

const ROUTINES: &[(&str, &str)] = &[
    (
        "CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$",
        "SELECT wipe()",
    ),
    (
        "CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS $$ DROP TABLE t $$",
        "SELECT wipe()",
    ),
    (
        "CREATE PROCEDURE wipe() LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$",
        "CALL wipe()",
    ),
    (
        "CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$",
        "DO $$ BEGIN PERFORM wipe(); END $$",
    ),
];

#[test]
fn a_routine_counts_where_it_is_called() {
    for (define, call) in ROUTINES {
        let made = judge(&[define]);
        assert_eq!(of(&made, "drop-table").len(), 0, "{define}");
        let called = judge(&[define, call]);
        let drops = of(&called, "drop-table");
        assert_eq!(drops.len(), 1, "{define}; {call}");
        assert_eq!(drops[0].file, Path::new("1.sql"), "{call}");
        assert_eq!((called.statements, called.analysed), (2, 2), "{call}");
    }
    let atomic = "CREATE FUNCTION wipe() RETURNS void BEGIN ATOMIC DELETE FROM t; END";
    let found = judge(&[atomic, "SELECT wipe()"]);
    assert_eq!(of(&found, "delete-no-where").len(), 1);
}

#[test]
fn routines_that_call_each_other_come_to_an_end() {
    let even =
        "CREATE PROCEDURE even() LANGUAGE plpgsql AS $$ BEGIN CALL odd(); TRUNCATE t; END $$";
    let odd = "CREATE PROCEDURE odd() LANGUAGE plpgsql AS $$ BEGIN CALL even(); TRUNCATE u; END $$";
    let found = judge(&[even, odd, "CALL even()"]);
    assert_eq!(of(&found, "truncate").len(), 2);
}

#[test]
fn a_procedure_from_elsewhere_is_a_riddle() {
    let found = judge(&["CALL tidy_up()"]);
    assert_eq!(of(&found, "dynamic-sql").len(), 1);
    assert_eq!(found.analysed, 0);
    let c = "CREATE FUNCTION tidy_up() RETURNS void LANGUAGE c AS 'lib', 'tidy_up'";
    let found = judge(&[c, "SELECT tidy_up()"]);
    assert_eq!(of(&found, "dynamic-sql").len(), 1);
    assert_eq!((found.statements, found.analysed), (2, 1));
}

#[test]
fn a_deep_body_is_refused_and_does_not_overflow() {
    let deep = format!("SELECT {}1{};", "(".repeat(20_000), ")".repeat(20_000));
    for sql in [
        format!("DO 'BEGIN PERFORM 1; {deep} END'"),
        format!("DO 'BEGIN EXECUTE ''{deep}''; END'"),
    ] {
        if let Ok(script) = Script::parse(Path::new("m.sql"), &sql) {
            let unit = Unit {
                script,
                transaction: Transactional::Yes,
            };
            let found = lint(&[unit], &LintOptions::default()).unwrap();
            assert_eq!(of(&found, "dynamic-sql").len(), 1);
        }
    }
    let define = format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS '{deep}'");
    if let Ok(script) = Script::parse(Path::new("m.sql"), &format!("{define}; SELECT f();")) {
        let unit = Unit {
            script,
            transaction: Transactional::Yes,
        };
        let found = lint(&[unit], &LintOptions::default()).unwrap();
        assert_eq!(of(&found, "dynamic-sql").len(), 1);
    }
}
