//! State tables as their tools leave them, written here as their documentation and sources say.

use std::time::Duration;

use ripcord_migration_guard::{
    AppliedAs, ErrorKind, Layout, Migrator, Outcome, PostgresMigrator, ProblemKind, RunOptions,
    Status, Unobserved, Unrecorded,
};

use crate::server::{Database, database, workspace};

async fn columns(db: &Database, table: &str) -> Vec<String> {
    let sql = "SELECT column_name || ' ' || data_type
                 || coalesce('(' || character_maximum_length || ')', '')
                 || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
               FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position";
    let rows = db.client.query(sql, &[&table]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn versions(status: &Status) -> (Vec<&str>, Vec<&str>) {
    (
        status.applied.iter().map(|a| a.version.as_str()).collect(),
        status.pending.iter().map(|m| m.version.as_str()).collect(),
    )
}

fn text_of(layout: Layout) -> &'static str {
    match layout {
        Layout::Goose => "-- +goose Up\nSELECT 1;\n",
        Layout::Dbmate => "-- migrate:up\nSELECT 1;\n-- migrate:down\n",
        _ => "SELECT 1;\n",
    }
}

#[tokio::test]
async fn the_tables_are_what_the_tools_make() {
    let Some(db) = database("tables").await else {
        return;
    };
    let made: &[(Layout, &str, &[&str])] = &[
        (
            Layout::Goose,
            "00001_a.sql",
            &[
                "id integer not null",
                "version_id bigint not null",
                "is_applied boolean not null",
                "tstamp timestamp without time zone not null",
            ],
        ),
        (
            Layout::Flyway,
            "V1__a.sql",
            &[
                "installed_rank integer not null",
                "version character varying(50)",
                "description character varying(200) not null",
                "type character varying(20) not null",
                "script character varying(1000) not null",
                "checksum integer",
                "installed_by character varying(100) not null",
                "installed_on timestamp without time zone not null",
                "execution_time integer not null",
                "success boolean not null",
            ],
        ),
        (
            Layout::Refinery,
            "V1__a.sql",
            &[
                "version integer not null",
                "name character varying(255)",
                "applied_on character varying(255)",
                "checksum character varying(255)",
            ],
        ),
        (
            Layout::Rails,
            "1_a.sql",
            &["version character varying not null"],
        ),
        (
            Layout::Dbmate,
            "1_b.sql",
            &["version character varying not null"],
        ),
    ];
    for (layout, file, want) in made {
        // Rails and dbmate give their tables the same name.
        db.run(&format!("DROP TABLE IF EXISTS {}", layout.state_table()))
            .await;
        let (_folder, w) = workspace(&[(file, text_of(*layout))]);
        // Some of them read the same file, and another one has recorded it.
        let mut options = RunOptions::default();
        options.unrecorded = Unrecorded::Apply;
        let migrator = PostgresMigrator::new(db.conninfo.clone(), *layout, options);
        migrator.up(&w, "1", &Unobserved).await.unwrap();
        assert_eq!(columns(&db, layout.state_table()).await, *want, "{layout}");
    }
    let zero = "SELECT is_applied FROM goose_db_version WHERE version_id = 0";
    assert!(db.truth(zero).await, "goose looks for the version 0");
    db.drop().await;
}

#[tokio::test]
async fn goose_counts_the_newest_row_of_a_version() {
    let Some(db) = database("goose").await else {
        return;
    };
    let up = "-- +goose Up\nSELECT 1;\n";
    let (_folder, w) = workspace(&[("1_a.sql", up), ("2_b.sql", up), ("3_c.sql", up)]);
    // Older releases wrote a row with false when they went down.
    db.run(
        "CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL,
             is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
         INSERT INTO goose_db_version (version_id, is_applied)
         VALUES (0, true), (1, true), (2, true), (2, false), (3, true), (3, false), (3, true)",
    )
    .await;
    let migrator = db.migrator(Layout::Goose, "t");
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(versions(&status), (vec!["1", "3"], vec!["2"]));
    assert_eq!(status.problems[0].kind, ProblemKind::OutOfOrder);
    assert!(status.applied[0].when.is_some());
    db.drop().await;
}

/// CRC-32 of this text without line ends, as Flyway records it.
const FLYWAY_FILE: &str = "12345\n6789\n";
const FLYWAY_CHECKSUM: &str = "-873187034";

#[tokio::test]
async fn flyway_undoes_deletes_repeats_and_starts_from_a_baseline() {
    let Some(db) = database("flyway").await else {
        return;
    };
    db.run(&format!(
        "CREATE TABLE flyway_schema_history (installed_rank INT PRIMARY KEY, version VARCHAR(50),
            description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
            script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,
            installed_on TIMESTAMP NOT NULL DEFAULT now(), execution_time INTEGER NOT NULL,
            success BOOLEAN NOT NULL);
         INSERT INTO flyway_schema_history VALUES
            (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', 'app', NULL, 'u', now(), 0, true),
            (1, '1', '<< Flyway Baseline >>', 'BASELINE', 'b', NULL, 'u', now(), 0, true),
            (2, '1.9', 'nine', 'SQL', 'V1.9__nine.sql', {FLYWAY_CHECKSUM}, 'u', now(), 3, true),
            (3, '1.10', 'ten', 'SQL', 'V1.10__ten.sql', 1, 'u', now(), 3, true),
            (4, '1.11', 'eleven', 'SQL', 'V1.11__eleven.sql', 1, 'u', now(), 3, true),
            (5, '1.11', 'eleven', 'UNDO_SQL', 'U1.11__eleven.sql', 1, 'u', now(), 3, true),
            (6, '1.12', 'twelve', 'SQL', 'V1.12__twelve.sql', 1, 'u', now(), 3, true),
            (7, '1.12', 'twelve', 'DELETE', 'V1.12__twelve.sql', 1, 'u', now(), 3, true),
            (8, NULL, 'all views', 'SQL', 'R__all_views.sql', 7, 'u', now(), 3, true),
            (9, NULL, 'all views', 'SQL', 'R__all_views.sql', {FLYWAY_CHECKSUM}, 'u', now(), 3,
             true),
            (10, NULL, 'grants', 'SQL', 'R__grants.sql', 8, 'u', now(), 3, true)"
    ))
    .await;
    let (_folder, w) = workspace(&[
        ("V0.5__old.sql", "SELECT 1;"),
        ("V1.9__nine.sql", FLYWAY_FILE),
        ("V1.10__ten.sql", "SELECT 10;"),
        ("V1.11__eleven.sql", "SELECT 11;"),
        ("U1.11__eleven.sql", "DROP TABLE eleven;"),
        ("V1.12__twelve.sql", "CREATE TABLE twelve (id int);"),
        ("U1.12__twelve.sql", "DROP TABLE twelve;"),
        ("R__all_views.sql", FLYWAY_FILE),
        ("R__grants.sql", "SELECT 'other';"),
    ]);
    let migrator = db.migrator(Layout::Flyway, "t");
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(
        versions(&status),
        (
            vec!["1", "1.9", "1.10", "R__all_views", "R__grants"],
            vec!["1.11", "1.12", "R__grants"]
        )
    );
    assert_eq!(status.applied[0].applied_as, AppliedAs::Baseline);
    assert_eq!(status.current(), Some("1.10"));
    let problems: Vec<_> = status
        .problems
        .iter()
        .map(|p| (p.kind, p.version.as_str()))
        .collect();
    assert_eq!(problems, [(ProblemKind::Edited, "1.10")]);
    let refused = migrator.up(&w, "1.11", &Unobserved).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Edited, "as Flyway refuses it");
    db.run("UPDATE flyway_schema_history SET checksum = NULL WHERE version = '1.10'")
        .await;

    for version in ["1.11", "1.12", "R__grants"] {
        let outcome = migrator.up(&w, version, &Unobserved).await;
        assert!(
            matches!(outcome, Ok(Outcome::Applied { .. })),
            "{version}: {outcome:?}"
        );
    }
    assert_eq!(
        migrator.up(&w, "R__grants", &Unobserved).await.unwrap(),
        Outcome::Already
    );
    let row = "SELECT type = 'SQL' AND script = 'V1.12__twelve.sql' AND description = 'twelve'
               AND success AND installed_by = current_user AND installed_rank = 12
               FROM flyway_schema_history WHERE version = '1.12' ORDER BY installed_rank DESC LIMIT 1";
    assert!(db.truth(row).await);
    // This history has rows of an undo, so its Flyway can read them.
    migrator.down(&w, "1.12", &Unobserved).await.unwrap();
    let undone =
        "SELECT type = 'UNDO_SQL' AND script = 'U1.12__twelve.sql' AND checksum IS NOT NULL
                  FROM flyway_schema_history ORDER BY installed_rank DESC LIMIT 1";
    assert!(db.truth(undone).await);
    assert_eq!(versions(&migrator.status(&w).await.unwrap()).1, ["1.12"]);
    db.drop().await;
}

#[tokio::test]
async fn flyway_without_undo_sees_a_version_that_never_was() {
    let Some(db) = database("flyway_plain").await else {
        return;
    };
    let (_folder, w) = workspace(&[
        ("V01.0__a.sql", "CREATE TABLE a (id int);"),
        ("U1__a.sql", "DROP TABLE a;"),
    ]);
    let migrator = db.migrator(Layout::Flyway, "t");
    migrator.up(&w, "1.0", &Unobserved).await.unwrap();
    let row = "SELECT version = '01.0' FROM flyway_schema_history";
    assert!(db.truth(row).await, "the version as the file has it");
    migrator.down(&w, "1", &Unobserved).await.unwrap();
    assert!(
        db.truth("SELECT count(*) = 0 FROM flyway_schema_history")
            .await
    );
    db.drop().await;
}

#[tokio::test]
async fn a_baseline_file_stands_for_what_is_before_it_in_an_empty_database() {
    let Some(db) = database("baseline").await else {
        return;
    };
    let files = [
        ("V1__a.sql", "CREATE TABLE a (id int);"),
        ("V2__b.sql", "CREATE TABLE b (id int);"),
        ("V3__c.sql", "CREATE TABLE c (id int);"),
        (
            "B2__all.sql",
            "CREATE TABLE a (id int); CREATE TABLE b (id int);",
        ),
    ];
    let (_folder, w) = workspace(&files);
    let migrator = db.migrator(Layout::Flyway, "t");
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(versions(&status), (vec![], vec!["2", "3"]));
    assert_eq!(status.pending[0].name, "all");
    for version in ["2", "3"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    assert!(
        db.truth("SELECT type = 'SQL_BASELINE' FROM flyway_schema_history WHERE version = '2'")
            .await
    );
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(versions(&status), (vec!["2", "3"], vec![]));
    assert!(status.problems.is_empty(), "{:?}", status.problems);
    db.drop().await;

    // Where the versions have run, the baseline is not there.
    let Some(db) = database("no_baseline").await else {
        return;
    };
    let (_versions, only) = workspace(&files[..3]);
    let migrator = db.migrator(Layout::Flyway, "t");
    migrator.up(&only, "1", &Unobserved).await.unwrap();
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(versions(&status), (vec!["1"], vec!["2", "3"]));
    assert_eq!(status.pending[0].name, "b");
    db.drop().await;
}

#[tokio::test]
async fn prisma_tells_failed_runs_from_those_that_were_rolled_back() {
    let Some(db) = database("prisma").await else {
        return;
    };
    db.run(
        "CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL,
            checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
            migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
            started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            applied_steps_count INTEGER NOT NULL DEFAULT 0);
         INSERT INTO _prisma_migrations
            (id, checksum, finished_at, migration_name, rolled_back_at) VALUES
            ('1', encode(sha256('SELECT 1;'), 'hex'), now(), '1_a', NULL),
            ('2', 'old', NULL, '2_b', now()),
            ('3', 'x', NULL, '3_c', now()),
            ('4', encode(sha256('SELECT 3;'), 'hex'), now(), '3_c', NULL),
            ('5', 'y', NULL, '4_d', NULL)",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("1_a", "SELECT 1;"),
        ("2_b", "SELECT 2;"),
        ("3_c", "SELECT 3;"),
        ("4_d", "SELECT 4;"),
    ] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("migration.sql"), sql).unwrap();
    }
    let w = ripcord_migration_guard::Workspace::new(folder.path());
    let migrator = db.migrator(Layout::Prisma, "t");
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(versions(&status), (vec!["1_a", "3_c"], vec!["2_b", "4_d"]));
    let problems: Vec<_> = status
        .problems
        .iter()
        .map(|p| (p.kind, p.version.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            (ProblemKind::Dirty, "4_d"),
            (ProblemKind::OutOfOrder, "2_b")
        ]
    );
    db.run("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '4_d'; DELETE FROM _prisma_migrations WHERE migration_name = '3_c'").await;
    migrator.up(&w, "2_b", &Unobserved).await.unwrap();
    let row = "SELECT finished_at IS NOT NULL AND applied_steps_count = 1 AND length(id) = 36
               AND checksum = encode(sha256('SELECT 2;'), 'hex')
               FROM _prisma_migrations WHERE migration_name = '2_b' AND rolled_back_at IS NULL";
    assert!(db.truth(row).await);
    db.drop().await;
}

#[tokio::test]
async fn a_table_of_another_tool_is_not_taken_for_its_own() {
    let Some(db) = database("foreign").await else {
        return;
    };
    db.run("CREATE TABLE schema_migrations (version varchar PRIMARY KEY)")
        .await;
    let (_folder, w) = workspace(&[("1_a.up.sql", "SELECT 1;")]);
    let error = db
        .migrator(Layout::GolangMigrate, "t")
        .status(&w)
        .await
        .unwrap_err();
    let help = error.help().unwrap_or_default();
    assert!(help.contains("is that the right layout"), "{error}: {help}");
    db.drop().await;
}

#[tokio::test]
async fn the_locks_are_those_that_the_tools_take() {
    let Some(db) = database("locks").await else {
        return;
    };
    // Flyway's number plus the hash of "public"."flyway_schema_history", which is 2125624436.
    let keys = [
        (Layout::Goose, "4097083626"),
        (Layout::Prisma, "72707369"),
        (Layout::Flyway, "77431708279161 + 2125624436"),
    ];
    for (layout, key) in keys {
        let (_folder, w) = match layout {
            Layout::Flyway => workspace(&[("V1__a.sql", "SELECT 1;")]),
            _ => workspace(&[("1_a.sql", text_of(layout))]),
        };
        if layout == Layout::Prisma {
            std::fs::create_dir(w.path().join("1")).unwrap();
            std::fs::write(w.path().join("1/migration.sql"), "SELECT 1;").unwrap();
        }
        db.run(&format!("SELECT pg_advisory_lock({key})")).await;
        let mut options = RunOptions::default();
        options.runner_wait = Duration::from_millis(20);
        let migrator = PostgresMigrator::new(db.conninfo.clone(), layout, options);
        let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{layout}: {error}");
        db.run(&format!("SELECT pg_advisory_unlock({key})")).await;
        migrator.up(&w, "1", &Unobserved).await.unwrap();
    }
    db.drop().await;
}
