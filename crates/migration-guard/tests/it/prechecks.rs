//! What the rows say before a statement does, and that the statement agrees.

use std::time::{Duration, Instant};

use ripcord_migration_guard::LockMode;
use ripcord_migration_guard::live::{
    self as look, Analysis, BlockerKind, BrokenKind, Outcome, Precheck, PrecheckKind,
};

use crate::live::{analyse, blocker, impatient, pending};
use crate::server;

fn answers(analysis: &Analysis) -> Vec<(PrecheckKind, Outcome)> {
    let all = analysis.prechecks.iter();
    all.map(|p| (p.kind, p.outcome.clone())).collect()
}

fn offending(rows: u64) -> Outcome {
    Outcome::Offending {
        rows,
        at_least: false,
    }
}

fn why(precheck: &Precheck) -> &str {
    match &precheck.outcome {
        Outcome::Unknown { why } => why,
        other => panic!("{other:?} of {precheck:?}"),
    }
}

#[tokio::test]
async fn keys_are_checked_for_duplicates() {
    let Some(db) = server::database("duplicates").await else {
        return;
    };
    db.run(
        "CREATE TABLE \"Bücher\" (id int, \"the key\" text, gone bool, n int);
         INSERT INTO \"Bücher\" VALUES (1, 'a', false, 1), (2, 'a', true, 2), (3, NULL, false, 3),
                                       (4, NULL, false, 3), (5, 'A', false, 4)",
    )
    .await;
    let asked = [
        ("CREATE UNIQUE INDEX ON \"Bücher\" (id);", Outcome::Clean),
        (
            "CREATE UNIQUE INDEX ON \"Bücher\" (\"the key\");",
            offending(2),
        ),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY i ON \"Bücher\" (\"the key\");",
            offending(2),
        ),
        (
            "CREATE UNIQUE INDEX ON \"Bücher\" (\"the key\") WHERE NOT gone;",
            Outcome::Clean,
        ),
        (
            "CREATE UNIQUE INDEX ON \"Bücher\" (lower(\"the key\")) WHERE NOT gone;",
            offending(2),
        ),
        (
            "CREATE UNIQUE INDEX ON \"Bücher\" (\"the key\", id);",
            Outcome::Clean,
        ),
        (
            "CREATE UNIQUE INDEX ON \"Bücher\" (\"the key\") NULLS NOT DISTINCT;",
            offending(4),
        ),
        ("ALTER TABLE \"Bücher\" ADD UNIQUE (n);", offending(2)),
        (
            "ALTER TABLE public.\"Bücher\" ADD CONSTRAINT u UNIQUE (n, id);",
            Outcome::Clean,
        ),
    ];
    for (sql, expected) in asked {
        let found = analyse(&db, sql).await;
        assert_eq!(
            answers(&found),
            [(PrecheckKind::Duplicates, expected.clone())],
            "{sql}"
        );
        assert_eq!(found.blocks_now(), expected != Outcome::Clean);
        // What it says it ran can be run.
        let counted = db
            .client
            .query_one(found.prechecks[0].sql.as_ref().unwrap(), &[])
            .await;
        let counted: i64 = counted.unwrap().get(0);
        assert_eq!(counted == 0, expected == Outcome::Clean, "{sql}");
        // And the server agrees.
        let sql = sql.replace(" CONCURRENTLY i", "");
        let done = db.client.batch_execute(&format!("BEGIN; {sql}")).await;
        assert_eq!(done.is_ok(), expected == Outcome::Clean, "{sql}");
        db.run("ROLLBACK").await;
    }
    let key = analyse(
        &db,
        "ALTER TABLE \"Bücher\" ADD PRIMARY KEY (id, \"the key\");",
    )
    .await;
    assert_eq!(
        answers(&key),
        [
            (PrecheckKind::Duplicates, Outcome::Clean),
            (PrecheckKind::Nulls, Outcome::Clean),
            (PrecheckKind::Nulls, offending(2)),
        ]
    );
    db.drop().await;
}

#[tokio::test]
async fn nulls_checks_and_rows_are_counted() {
    let Some(db) = server::database("nulls").await else {
        return;
    };
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b text, proved int CHECK (proved IS NOT NULL));
         CREATE TABLE empty (id int);
         INSERT INTO t VALUES (1, NULL, 'x', 1), (2, 5, NULL, 2), (3, NULL, 'y', 3)",
    )
    .await;
    let asked = [
        (
            "ALTER TABLE t ALTER a SET NOT NULL;",
            PrecheckKind::Nulls,
            offending(2),
        ),
        (
            "ALTER TABLE t ADD CHECK (a > 5);",
            PrecheckKind::Violations,
            offending(1),
        ),
        (
            "ALTER TABLE t ADD CHECK (t.a > 4);",
            PrecheckKind::Violations,
            Outcome::Clean,
        ),
        (
            "ALTER TABLE t ADD CHECK (length(b) < 2);",
            PrecheckKind::Violations,
            Outcome::Clean,
        ),
        (
            "ALTER TABLE t ADD COLUMN c int NOT NULL;",
            PrecheckKind::Rows,
            Outcome::Offending {
                rows: 1,
                at_least: true,
            },
        ),
        (
            "ALTER TABLE empty ADD COLUMN c int NOT NULL;",
            PrecheckKind::Rows,
            Outcome::Clean,
        ),
    ];
    for (sql, kind, expected) in asked {
        let found = analyse(&db, sql).await;
        assert_eq!(answers(&found), [(kind, expected.clone())], "{sql}");
        let done = db.client.batch_execute(&format!("BEGIN; {sql}")).await;
        assert_eq!(done.is_ok(), expected == Outcome::Clean, "{sql}");
        db.run("ROLLBACK").await;
    }
    // What is known needs no question.
    for sql in [
        "ALTER TABLE t ALTER id SET NOT NULL;",
        "ALTER TABLE t ALTER proved SET NOT NULL;",
        "ALTER TABLE t ADD CHECK (a > 5) NOT VALID;",
        "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 1;",
        "CREATE TABLE fresh (a int); ALTER TABLE fresh ALTER a SET NOT NULL;",
    ] {
        assert_eq!(analyse(&db, sql).await.prechecks, [], "{sql}");
    }
    // An earlier statement mends the rows: the number is told and does not block.
    let mended = "UPDATE t SET a = 0 WHERE a IS NULL; ALTER TABLE t ALTER a SET NOT NULL;";
    let found = analyse(&db, mended).await;
    assert_eq!(answers(&found), [(PrecheckKind::Nulls, offending(2))]);
    assert_eq!(
        found.prechecks[0].written_before.as_deref(),
        Some("9_pending.up.sql:1")
    );
    assert!(!found.blocks_now());
    // VALIDATE of what is there, and of what the migration adds itself.
    db.run("ALTER TABLE t ADD CONSTRAINT five CHECK (a > 5) NOT VALID")
        .await;
    let found = analyse(&db, "ALTER TABLE t VALIDATE CONSTRAINT five;").await;
    assert_eq!(answers(&found), [(PrecheckKind::Violations, offending(1))]);
    assert_eq!(found.broken[0].kind, BrokenKind::UnvalidatedConstraint);
    let added = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 4) NOT VALID; \
                 ALTER TABLE t VALIDATE CONSTRAINT c;";
    let found = analyse(&db, added).await;
    assert_eq!(
        answers(&found),
        [(PrecheckKind::Violations, Outcome::Clean)]
    );
    db.drop().await;
}

#[tokio::test]
async fn orphans_are_counted() {
    let Some(db) = server::database("orphans").await else {
        return;
    };
    db.run(
        "CREATE SCHEMA \"my app\";
         CREATE TABLE \"my app\".parent (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
         CREATE TABLE child (id int, p int, a int, b int);
         INSERT INTO \"my app\".parent VALUES (1, 1, 1), (2, 2, 2);
         INSERT INTO child VALUES (1, 1, 1, 1), (2, NULL, 2, NULL), (3, 3, 9, NULL), (4, 4, 9, 9)",
    )
    .await;
    let parent = "REFERENCES \"my app\".parent";
    let asked = [
        (
            format!("ALTER TABLE child ADD FOREIGN KEY (p) {parent};"),
            offending(2),
        ),
        (
            format!("ALTER TABLE child ADD FOREIGN KEY (p) {parent} (id);"),
            offending(2),
        ),
        (
            format!("ALTER TABLE child ADD FOREIGN KEY (a, b) {parent} (a, b);"),
            offending(1),
        ),
        (
            format!("ALTER TABLE child ADD FOREIGN KEY (a, b) {parent} (a, b) MATCH FULL;"),
            offending(3),
        ),
        (
            format!("DELETE FROM child; ALTER TABLE child ADD FOREIGN KEY (p) {parent};"),
            offending(2),
        ),
    ];
    for (sql, expected) in &asked {
        let found = analyse(&db, sql).await;
        assert_eq!(
            answers(&found),
            [(PrecheckKind::Orphans, expected.clone())],
            "{sql}"
        );
        assert_eq!(found.blocks_now(), !sql.starts_with("DELETE"), "{sql}");
    }
    db.run("DELETE FROM child WHERE id > 2").await;
    let found = analyse(&db, &asked[0].0).await;
    assert_eq!(answers(&found), [(PrecheckKind::Orphans, Outcome::Clean)]);
    // Without rows to ask: the parent comes with the same migration.
    let found = analyse(
        &db,
        "CREATE TABLE fresh (id int PRIMARY KEY); ALTER TABLE child ADD FOREIGN KEY (p) REFERENCES fresh;",
    )
    .await;
    assert_eq!(why(&found.prechecks[0]), "fresh is not there yet");
    db.drop().await;
}

#[tokio::test]
async fn values_that_do_not_fit_are_counted() {
    let Some(db) = server::database("narrowing").await else {
        return;
    };
    db.run(
        "CREATE TABLE t (big bigint, word text, short varchar(9), exact numeric(12, 4), at timestamp,
                         digits text, real_one double precision);
         INSERT INTO t VALUES
           (1, 'abc', 'ab   ', 12.5, '2024-01-01', '12', 1),
           (3000000000, 'abcdef', 'abcdefg', 99999.1234, '2024-01-01 12:00', 'x', 40000.5)",
    )
    .await;
    let some = Outcome::Offending {
        rows: 1,
        at_least: true,
    };
    use PrecheckKind::{Cut, DoesNotFit};
    let asked: &[(&str, &[(PrecheckKind, Outcome)])] = &[
        ("big TYPE int", &[(DoesNotFit, offending(1))]),
        ("big TYPE numeric", &[]),
        ("big TYPE numeric(5, 0)", &[(DoesNotFit, offending(1))]),
        ("word TYPE varchar(5)", &[(DoesNotFit, offending(1))]),
        ("word TYPE varchar(6)", &[(DoesNotFit, Outcome::Clean)]),
        ("short TYPE varchar(3)", &[(DoesNotFit, offending(1))]),
        ("short TYPE varchar(20)", &[]),
        ("short TYPE text", &[]),
        (
            "exact TYPE numeric(6, 2)",
            &[(DoesNotFit, offending(1)), (Cut, offending(1))],
        ),
        ("exact TYPE numeric(9, 4)", &[(DoesNotFit, Outcome::Clean)]),
        (
            "at TYPE date",
            &[(DoesNotFit, Outcome::Clean), (Cut, offending(1))],
        ),
        (
            "real_one TYPE smallint",
            &[(DoesNotFit, offending(1)), (Cut, offending(1))],
        ),
        ("digits TYPE int USING digits::int", &[(DoesNotFit, some)]),
        (
            "digits TYPE int USING length(digits)",
            &[(DoesNotFit, Outcome::Clean)],
        ),
    ];
    for (change, expected) in asked {
        let sql = format!("ALTER TABLE t ALTER {change};");
        let found = analyse(&db, &sql).await;
        assert_eq!(answers(&found), *expected, "{sql}");
        let fits = !expected
            .iter()
            .any(|(kind, outcome)| *kind == DoesNotFit && *outcome != Outcome::Clean);
        assert_eq!(found.blocks_now(), !fits, "{sql}");
        let done = db.client.batch_execute(&format!("BEGIN; {sql}")).await;
        assert_eq!(done.is_ok(), fits, "{sql}");
        db.run("ROLLBACK").await;
    }
    let found = analyse(&db, "ALTER TABLE t ALTER digits TYPE int;").await;
    assert!(why(&found.prechecks[0]).contains("USING is missing"));
    // No value of a row is repeated.
    assert!(!format!("{found:?}").contains("abcdef"));
    db.drop().await;
}

#[tokio::test]
async fn what_may_do_more_than_compute_is_not_run() {
    let Some(db) = server::database("volatile").await else {
        return;
    };
    db.run(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1);
         CREATE FUNCTION cry() RETURNS bool LANGUAGE plpgsql VOLATILE AS
           $$ BEGIN RAISE EXCEPTION 'was called'; END $$;
         CREATE FUNCTION calm(a int) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT $1 > 0 $$",
    )
    .await;
    let answer = |check: &str| format!("ALTER TABLE t ADD CHECK ({check});");
    let found = analyse(&db, &answer("cry()")).await;
    assert_eq!(
        why(&found.prechecks[0]),
        "it calls cry(), which may do more than compute"
    );
    let found = analyse(&db, &answer("a > (SELECT pg_sleep(9) IS NULL)::int")).await;
    assert!(why(&found.prechecks[0]).contains("pg_sleep()"));
    let found = analyse(&db, &answer("later(a)")).await;
    assert_eq!(
        why(&found.prechecks[0]),
        "it calls later(), which is not there yet"
    );
    let found = analyse(&db, &answer("calm(a)")).await;
    assert_eq!(found.prechecks[0].outcome, Outcome::Clean);
    // One that lies about itself still cannot write.
    db.run(
        "CREATE SEQUENCE counted;
         CREATE FUNCTION lies(a int) RETURNS bool LANGUAGE sql STABLE AS
           $$ SELECT nextval('counted') > 0 $$",
    )
    .await;
    let found = analyse(&db, &answer("lies(a)")).await;
    assert!(
        why(&found.prechecks[0]).contains("read-only transaction"),
        "{found:?}"
    );
    assert!(db.truth("SELECT NOT is_called FROM counted").await);
    db.drop().await;
}

#[tokio::test]
async fn a_locked_table_costs_no_more_than_its_timeout() {
    let Some(db) = server::database("locked").await else {
        return;
    };
    db.run("CREATE TABLE t (a int DEFAULT 1 + 1, CHECK (a > 0)); CREATE TABLE u (a int UNIQUE)")
        .await;
    let holder = db.session("holder").await;
    holder
        .batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let started = Instant::now();
    let found = analyse(
        &db,
        "ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE u ALTER a SET NOT NULL;",
    )
    .await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert!(
        why(&found.prechecks[0]).contains("it is locked"),
        "{found:?}"
    );
    assert_eq!(found.prechecks[1].outcome, Outcome::Clean);
    let it = blocker(&found, BlockerKind::IdleInTransaction, "holder").unwrap();
    assert_eq!(
        (it.lock, it.blocks),
        (Some(LockMode::AccessExclusive), true)
    );
    assert!(
        found
            .unknown
            .iter()
            .all(|u| !u.what.contains("tables are now")),
        "{found:?}"
    );

    // A deadline that is over is no error, and nothing is claimed.
    let mut hurried = impatient();
    hurried.lock_timeout = Duration::from_secs(30);
    hurried.query_timeout = Duration::from_secs(30);
    hurried.deadline = Duration::from_millis(1500);
    let started = Instant::now();
    let sql = "ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE t ADD UNIQUE (a);";
    let found = look::analyse(&db.conninfo, &pending(sql), &hurried)
        .await
        .unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert!(
        found.prechecks.iter().all(|p| why(p).contains("are over")),
        "{found:?}"
    );
    db.drop().await;
}

#[tokio::test]
async fn what_is_not_permitted_is_unknown() {
    let Some(db) = server::database("denied").await else {
        return;
    };
    let role = format!("mg_denied_{}", std::process::id());
    db.run(&format!(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (NULL); CREATE TABLE mine (a int);
         CREATE TABLE guarded (a int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
         CREATE SCHEMA closed; CREATE TABLE closed.t (a int);
         CREATE ROLE {role} LOGIN; GRANT SELECT ON mine, guarded TO {role}"
    ))
    .await;
    let holder = db.session("holder").await;
    holder
        .batch_execute("BEGIN; LOCK TABLE t IN SHARE MODE")
        .await
        .unwrap();
    let limited = db.conninfo.with_setting("role", &role);
    let sql = "ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE mine ALTER a SET NOT NULL;
               ALTER TABLE guarded ALTER a SET NOT NULL; ALTER TABLE closed.t ALTER a SET NOT NULL;";
    let found = look::analyse(&limited, &pending(sql), &impatient()).await;
    let found = found.unwrap();
    let [denied, mine, guarded, closed] = &found.prechecks[..] else {
        panic!("{found:?}")
    };
    assert_eq!(why(denied), "permission denied for table t");
    assert_eq!(mine.outcome, Outcome::Clean);
    assert!(why(guarded).contains("row-level security"), "{guarded:?}");
    assert_eq!(why(closed), "permission denied for schema closed");
    // The lock is seen, its owner's transaction is not.
    let it = blocker(&found, BlockerKind::LockHeld, "holder").unwrap();
    assert!(
        it.blocks && it.age_seconds.is_none() && it.doing.is_none(),
        "{it:?}"
    );
    assert!(
        found
            .unknown
            .iter()
            .any(|u| u.why.contains("pg_read_all_stats"))
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
    db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    db.drop().await;
}
