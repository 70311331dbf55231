//! What a chain makes itself hides nothing of what was there before it. The server is the judge of
//! what is lost.

use std::path::{Path, PathBuf};

use ripcord_migration_guard::{
    Dialect, Lint, LintOptions, Script, Snapshot, Transactional, Unit, lint,
};

use crate::server::{Database, database};

/// `users` and `prod.users` have rows.
const BEFORE: &str = "DROP SCHEMA IF EXISTS prod, scratch CASCADE; DROP SCHEMA public CASCADE;
    CREATE SCHEMA public; CREATE SCHEMA prod; CREATE SCHEMA scratch;
    CREATE TABLE users (id int, email text); INSERT INTO users VALUES (1, 'a'), (2, 'b');
    CREATE TABLE prod.users (LIKE users); INSERT INTO prod.users VALUES (3, 'c');";

const WHOLE: &str = "SELECT (SELECT count(id) + count(email) FROM users) = 4
    AND (SELECT count(id) + count(email) FROM prod.users) = 2";

/// Files, each with a session of its own, that lose rows or values of tables that were there.
const LOSES: &[&[&str]] = &[
    &["CREATE TEMP TABLE users (id int); DROP TABLE public.users"],
    &["CREATE TEMP TABLE users (id int)", "DROP TABLE users"],
    &["CREATE TEMP TABLE users (id int); DROP TABLE users; DROP TABLE users"],
    &["CREATE TEMP TABLE users (id int); ALTER TABLE users RENAME TO u; DROP TABLE users"],
    &["BEGIN; CREATE TEMP TABLE users (id int) ON COMMIT DROP; COMMIT; DROP TABLE users"],
    &["CREATE TEMP TABLE users (id int) ON COMMIT DROP; DROP TABLE users"],
    &["CREATE TEMP TABLE users ON COMMIT DROP AS SELECT 1; TRUNCATE users"],
    &["CREATE TEMP TABLE users (id int); DISCARD TEMP; DROP TABLE users"],
    &["CREATE TEMPORARY TABLE users (id int); DISCARD ALL; DROP TABLE users"],
    &["BEGIN; CREATE TEMP TABLE users (id int); ROLLBACK; DROP TABLE users"],
    &["CREATE TEMP TABLE users (id int); ALTER TABLE public.users DROP COLUMN email"],
    &["CREATE TEMP TABLE users (id int); DELETE FROM public.users"],
    &["CREATE TEMP TABLE users (id int); TRUNCATE public.users"],
    &["CREATE TEMP TABLE users (id int); SET search_path = public, pg_temp; DROP TABLE users"],
    &["SELECT 1 AS id INTO TEMP users; DROP TABLE users; DELETE FROM users"],
    &["DO $$ BEGIN IF false THEN CREATE TEMP TABLE users (id int); END IF; END $$; DROP TABLE users"],
    &["CREATE TABLE p (id int, email text) PARTITION BY LIST (id);
       ALTER TABLE p ATTACH PARTITION users DEFAULT; DROP TABLE p"],
    &["CREATE TABLE p (id int, email text) PARTITION BY LIST (id);
       ALTER TABLE p ATTACH PARTITION users DEFAULT; DELETE FROM p"],
    &["CREATE TABLE p (id int); ALTER TABLE users INHERIT p; TRUNCATE p"],
    &["CREATE TABLE p (id int); ALTER TABLE users INHERIT p; DROP TABLE p CASCADE"],
    &["CREATE TABLE IF NOT EXISTS users (id int, email text); ALTER TABLE users DROP COLUMN email"],
    &["ALTER TABLE users ADD COLUMN IF NOT EXISTS email text; ALTER TABLE users DROP COLUMN email"],
    &["DO $$ BEGIN IF false THEN CREATE TABLE users (email text); END IF; END $$;
       ALTER TABLE users DROP COLUMN email"],
    &["DO $$ BEGIN CREATE TABLE users (email text); EXCEPTION WHEN duplicate_table THEN NULL; END $$;
       ALTER TABLE users DROP COLUMN email"],
    &["DO $$ BEGIN RETURN; CREATE TABLE users (email text); END $$; DROP TABLE users"],
    &["DO $$ BEGIN <<b>> BEGIN EXIT b; CREATE TABLE users (email text); END; END $$; DROP TABLE users"],
    &["CREATE TABLE scratch.users (i int); SET search_path = scratch;
       SELECT set_config('search_path', 'prod', false); DROP TABLE users"],
    &["SET search_path = scratch; CREATE TABLE users (i int); SET SCHEMA 'prod'; DROP TABLE users"],
    &["SET search_path = scratch; CREATE TABLE users (i int); RESET ALL; DROP TABLE users"],
    &["BEGIN; SET LOCAL search_path = scratch; CREATE TABLE users (i int); COMMIT; DROP TABLE users"],
    &["CREATE TABLE x (i int);
       CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN NEW; END $$;
       CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION wipe(); INSERT INTO x VALUES (1)"],
    &["CREATE TABLE x (i int); CREATE RULE r AS ON INSERT TO x DO ALSO DELETE FROM users;
       INSERT INTO x VALUES (1)"],
    &["CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN 1; END $$;
       CREATE TABLE x (i int); INSERT INTO x SELECT wipe()"],
    &["CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN TRUNCATE users; RETURN 1; END $$;
       DO $$ DECLARE i int; BEGIN i := wipe(); END $$"],
    &["CREATE FUNCTION wipe() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN true; END $$;
       DO $$ BEGIN IF wipe() THEN NULL; END IF; END $$"],
];

/// The same where nothing is lost, and nothing may be said to be.
const KEEPS: &[&[&str]] = &[
    &["CREATE TEMP TABLE users (id int); DROP TABLE users"],
    &["CREATE TEMP TABLE users AS SELECT 1 AS id; DELETE FROM users; TRUNCATE users; DROP TABLE users"],
    &["CREATE TEMP TABLE users (id int); CREATE INDEX i ON users (id); DROP INDEX i; DROP TABLE users"],
    &["BEGIN; CREATE TEMP TABLE users (id int) ON COMMIT DROP; DELETE FROM users; COMMIT"],
    &["CREATE TEMP TABLE IF NOT EXISTS users (id int); ALTER TABLE users DROP COLUMN id; DROP TABLE users"],
    &["CREATE TABLE pg_temp.users (id int); DROP TABLE users"],
    &["SELECT 1 AS id INTO TEMP users; DROP TABLE pg_temp.users"],
    &["CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE q (id int);
       ALTER TABLE p ATTACH PARTITION q DEFAULT; DROP TABLE p"],
    &["CREATE TABLE p (id int); CREATE TABLE q (id int); ALTER TABLE q INHERIT p; TRUNCATE p"],
    &["SET search_path = scratch; CREATE TABLE users (i int); DROP TABLE users"],
    &["CREATE TABLE x (i int);
       CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN NEW; END $$;
       CREATE TRIGGER t AFTER DELETE ON x FOR EACH ROW EXECUTE FUNCTION wipe(); INSERT INTO x VALUES (1)"],
    &["CREATE TABLE x (i int); CREATE RULE r AS ON INSERT TO x DO ALSO DELETE FROM users;
       DROP RULE r ON x; INSERT INTO x VALUES (1)"],
];

fn chain(files: &[&str], dialect: Dialect) -> Vec<Unit> {
    let unit = |(at, sql): (usize, &&str)| {
        let path = PathBuf::from(format!("{at}.sql"));
        let script = Script::parse_as(&path, sql, dialect);
        Unit {
            script: script.unwrap_or_else(|e| panic!("{sql}: {e}")),
            transaction: Transactional::No,
        }
    };
    files.iter().enumerate().map(unit).collect()
}

fn judge(files: &[&str], dialect: Dialect) -> Lint {
    let mut options = LintOptions::default();
    options.dialect = dialect;
    lint(&chain(files, dialect), &options).unwrap()
}

fn loses(found: &Lint) -> bool {
    let removes = |rule: &str| matches!(rule, "delete-rows" | "delete-no-where");
    let mut all = found.findings.iter();
    all.any(|f| f.data_loss.is_some() || removes(&f.rule))
}

/// Whether the tables that were there have all their rows and values after the files ran.
async fn whole_after(db: &Database, files: &[&str]) -> bool {
    db.run(BEFORE).await;
    for unit in chain(files, Dialect::Postgres) {
        let session = db.conninfo.connect().await.unwrap();
        for statement in unit.script.statements() {
            let ran = session.batch_execute(statement.text()).await;
            ran.unwrap_or_else(|e| panic!("{}: {e:?}", statement.text()));
        }
    }
    match db.client.query_one(WHOLE, &[]).await {
        Ok(row) => row.get(0),
        Err(_) => false,
    }
}

#[tokio::test]
async fn what_was_there_is_not_hidden_by_what_a_chain_makes() {
    let Some(db) = database("hidden").await else {
        return;
    };
    let mut wrong = Vec::new();
    for files in LOSES {
        if whole_after(&db, files).await {
            wrong.push(format!("nothing is lost by {files:?}"));
        }
        if !loses(&judge(files, Dialect::Postgres)) {
            wrong.push(format!("silent about {files:?}"));
        }
    }
    for files in KEEPS {
        if !whole_after(&db, files).await {
            wrong.push(format!("something is lost by {files:?}"));
        }
        if loses(&judge(files, Dialect::Postgres)) {
            wrong.push(format!("speaks about {files:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    db.drop().await;
}

#[test]
fn mysql_has_temporary_tables_too() {
    for (files, lost) in [
        (
            &["CREATE TEMPORARY TABLE users (id INT); DROP TABLE users"][..],
            false,
        ),
        (
            &["CREATE TEMPORARY TABLE app.users (id INT); DROP TEMPORARY TABLE app.users"],
            false,
        ),
        (
            &[
                "CREATE TEMPORARY TABLE users AS SELECT 1; DELETE FROM users; DROP TEMPORARY TABLE users",
            ],
            false,
        ),
        (
            &[
                "CREATE TEMPORARY TABLE users (id INT); DROP TEMPORARY TABLE users",
                "DROP TABLE users",
            ],
            true,
        ),
        (
            &[
                "CREATE TEMPORARY TABLE users (id INT); DROP TEMPORARY TABLE users; DROP TABLE users",
            ],
            true,
        ),
        (
            &["CREATE TEMPORARY TABLE users (id INT); DROP TABLE users; DROP TABLE users"],
            true,
        ),
        (
            &["CREATE TEMPORARY TABLE users (id INT); DROP TABLE app.users"],
            true,
        ),
        (
            &["CREATE TEMPORARY TABLE users (id INT); USE prod; DROP TABLE users"],
            true,
        ),
    ] {
        assert_eq!(loses(&judge(files, Dialect::MySql)), lost, "{files:?}");
    }
}

#[test]
fn what_may_have_been_there_is_in_use() {
    let speaks = |sql: &str, rule: &str| {
        let found = judge(&[sql], Dialect::Postgres);
        found.findings.iter().any(|f| f.rule == rule)
    };
    for (rule, then) in [
        ("index-not-concurrent", "CREATE INDEX i ON t (a)"),
        ("type-change-rewrite", "ALTER TABLE t ALTER a TYPE bigint"),
        ("update-no-where", "UPDATE t SET a = 1"),
        ("no-lock-timeout", "ALTER TABLE t ADD b int"),
    ] {
        for create in [
            "CREATE TABLE IF NOT EXISTS t (a int)",
            "DO $$ BEGIN IF x() THEN CREATE TABLE t (a int); END IF; END $$",
            "CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a WITH NO DATA",
        ] {
            assert!(
                speaks(&format!("{create}; {then}"), rule),
                "{create}; {then}"
            );
        }
        let sure = format!("CREATE TABLE t (a int); CREATE TABLE IF NOT EXISTS t (a int); {then}");
        assert!(!speaks(&sure, rule), "{sure}");
    }
}

#[test]
fn what_reaches_beyond_the_database_is_told() {
    for (sql, times) in [
        ("COPY t FROM PROGRAM 'curl example.org'", 1),
        ("COPY t TO PROGRAM 'cat'", 1),
        ("COPY t FROM STDIN", 0),
        ("SELECT dblink_exec('x', 'DROP TABLE users')", 1),
        (
            "INSERT INTO t SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
            1,
        ),
        ("DO $$ BEGIN PERFORM dblink_exec('a', 'b'); END $$", 1),
        (
            "DO $$ DECLARE x bool; BEGIN x := pg_terminate_backend(1); END $$",
            1,
        ),
        ("DO $$ BEGIN EXECUTE 'COPY t FROM PROGRAM ''x'''; END $$", 1),
        (
            "INSERT INTO t VALUES ('dblink_exec(1), from program') -- lo_unlink(1)",
            0,
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT lo_unlink(1) $$",
            0,
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT lo_unlink(1) $$; SELECT f()",
            1,
        ),
    ] {
        let found = judge(&[sql], Dialect::Postgres);
        let told = found
            .findings
            .iter()
            .filter(|f| f.rule == "outside-effects");
        assert_eq!(told.count(), times, "{sql}");
    }
}

#[test]
fn a_snapshot_makes_it_certain() {
    let mut options = LintOptions::default();
    options.snapshot = Some(std::sync::Arc::new(Snapshot::default()));
    let unit = Unit {
        script: Script::parse(
            Path::new("m.sql"),
            "CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX i ON t (a); DROP TABLE t;",
        )
        .unwrap(),
        transaction: Transactional::Yes,
    };
    let found = lint(&[unit], &options).unwrap();
    let rules: Vec<&str> = found.findings.iter().map(|f| f.rule.as_str()).collect();
    assert!(!rules.contains(&"index-not-concurrent"), "{rules:?}");
    assert!(!rules.contains(&"drop-table"), "{rules:?}");
}
