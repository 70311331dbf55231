//! Roles, passwords, and what only we may drop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{CreateOptions, ErrorKind, Source as _};

use super::vault;
use crate::pg::{Db, unique};

/// A role that owns its database and is nothing else is what most applications have.
#[tokio::test]
async fn a_plain_owner_is_enough() {
    let Some(db) = Db::new("").await else { return };
    let role = unique("ripcord_backup_owner");
    let name = db.name();
    db.sql(&format!(
        "CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'x1y2z3'; ALTER DATABASE \"{name}\" OWNER TO {role}"
    ))
    .await;
    let source = PostgresSource::new(db.as_role(&role, "x1y2z3"), PostgresOptions::default());
    let client = db.as_role(&role, "x1y2z3").connect().await.unwrap();
    client
        .batch_execute("CREATE TABLE t (id serial PRIMARY KEY, s varchar(5) CHECK (s IN ('a', 'b'))); INSERT INTO t (s) VALUES ('a')")
        .await
        .unwrap();
    let vault = vault();
    let made = vault.create(&source, &CreateOptions::default(), &()).await;
    let made = match made {
        Ok(manifest) => {
            let into = format!("{name}_new");
            let restored = vault.restore(&source, &manifest.id, &into, &()).await;
            match restored {
                Ok(_) => source
                    .switch(&ripcord_backup::sources::Switch::new(into, manifest.id))
                    .await
                    .map(drop),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    let left = db.databases(name).await;
    for database in left {
        db.sql(&format!(
            "ALTER DATABASE \"{database}\" OWNER TO CURRENT_USER"
        ))
        .await;
        let at = db
            .conninfo
            .with_database(&database)
            .connect()
            .await
            .unwrap();
        at.batch_execute(&format!("DROP OWNED BY {role} CASCADE"))
            .await
            .unwrap();
    }
    db.sql(&format!("DROP ROLE {role}")).await;
    if let Err(error) = made {
        panic!("{error}");
    }
}

/// argv of every process on this machine, while `work` runs.
async fn watch_argv(work: impl Future<Output = ()>) -> BTreeSet<String> {
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    if let Ok(argv) = std::fs::read(entry.path().join("cmdline")) {
                        let argv = String::from_utf8_lossy(&argv).replace('\0', " ");
                        if argv.contains("pg_dump") || argv.contains("pg_restore") {
                            seen.insert(argv);
                        }
                    }
                }
            }
            seen
        })
    };
    work.await;
    stop.store(true, Ordering::Relaxed);
    watcher.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_in_no_argv() {
    let Some(db) =
        Db::new("CREATE TABLE t AS SELECT md5(i::text) FROM generate_series(1, 50000) i").await
    else {
        return;
    };
    let role = unique("ripcord_backup_role");
    let password = "pl4nt3d:S3cret/w@rd";
    db.sql(&format!(
        "CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{password}'"
    ))
    .await;
    let conninfo = db.as_role(&role, password);
    let source = PostgresSource::new(conninfo, PostgresOptions::default());
    let shown = format!("{source:?}");
    let seen = watch_argv(async {
        let manifest = vault()
            .create(&source, &CreateOptions::default(), &())
            .await
            .unwrap();
        let text = format!("{manifest:?}");
        assert!(!text.contains(password));
    })
    .await;
    db.sql(&format!("DROP ROLE {role}")).await;
    assert!(seen.iter().any(|argv| argv.contains("pg_dump")), "{seen:?}");
    assert!(
        seen.iter().any(|argv| argv.contains("pg_restore")),
        "{seen:?}"
    );
    assert!(seen.iter().all(|argv| !argv.contains("S3cret")), "{seen:?}");
    assert!(!shown.contains("S3cret"));
}

#[tokio::test]
async fn without_createdb_it_says_so() {
    let Some(db) = Db::new("CREATE TABLE t (a int)").await else {
        return;
    };
    let role = unique("ripcord_backup_plain");
    let name = db.name();
    db.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x1y2z3'; ALTER TABLE t OWNER TO {role}; GRANT CONNECT ON DATABASE \"{name}\" TO {role}"
    ))
    .await;
    let conninfo = db.as_role(&role, "x1y2z3");
    let source = PostgresSource::new(conninfo, PostgresOptions::default());
    let vault = vault();
    let error = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap_err();
    db.sql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
        .await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.help().unwrap().contains("CREATEDB"), "{error:?}");
    assert_eq!(vault.list().await.unwrap(), []);
}

#[tokio::test]
async fn only_what_we_made_is_dropped() {
    let Some(db) = Db::new("CREATE TABLE t (a int)").await else {
        return;
    };
    let source = db.source();
    let error = source.discard(db.name()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = source.discard("postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    source.discard("there_is_no_such_database").await.unwrap();
}

#[tokio::test]
async fn missing_tools_are_named() {
    let Some(db) = Db::new("").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let fake = dir.path().join("pg_dump");
    std::fs::write(&fake, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.1'\n").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    // A later version serves only if there is none of the server's own; there is.
    let mut options = PostgresOptions::default();
    options.tool_dirs = vec![dir.path().to_owned()];
    let source = PostgresSource::new(db.conninfo.clone(), options);
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await.unwrap();
    assert!(
        !snapshot.server.tool.contains("99.1"),
        "{}",
        snapshot.server.tool
    );
}
