//! A restored database takes the place of the live one.

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use ripcord_backup::sources::{PostgresOptions, PostgresSource, Switch};
use ripcord_backup::{BackupId, CreateOptions, ErrorKind, Source as _, Vault};

use crate::pg::{Db, unique};

struct Made {
    db: Db,
    source: PostgresSource,
    vault: Vault,
    id: BackupId,
    restored: String,
}

/// A live database that was written to after its backup, and the backup restored beside it.
async fn made() -> Option<Made> {
    let db = Db::new("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)").await?;
    let source = db.source();
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    db.sql("INSERT INTO t VALUES (3)").await;
    let restored = format!("{}_restored", db.name());
    vault.restore(&source, &id, &restored, &()).await.unwrap();
    Some(Made {
        db,
        source,
        vault,
        id,
        restored,
    })
}

impl Made {
    fn switch(&self) -> Switch {
        Switch::new(&self.restored, self.id.clone())
    }

    async fn rows(&self) -> i64 {
        let client = self.db.client().await;
        client
            .query_one("SELECT count(*) FROM t", &[])
            .await
            .unwrap()
            .get(0)
    }
}

/// Everything about a database that is not its content.
async fn surroundings(db: &Db, role: &str) -> Vec<String> {
    db.admin()
        .await
        .query(
            "SELECT pg_get_userbyid(datdba) || ' ' || datconnlimit || ' ' || datallowconn || ' ' ||
                    coalesce(shobj_description(oid, 'pg_database'), '-')
             FROM pg_database WHERE datname = $1
             UNION ALL
             SELECT a.privilege_type || ' ' || a.is_grantable || ' ' || a.grantee::regrole::text
             FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE datname = $1
             UNION ALL
             SELECT coalesce(nullif(setrole, 0)::regrole::text, '-') || ' ' || setconfig::text
             FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = $1
             ORDER BY 1",
            &[&db.name()],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get::<_, String>(0).replace(role, "ROLE"))
        .collect()
}

#[tokio::test]
async fn it_takes_over_with_all_that_belongs_to_the_database() {
    let Some(made) = made().await else { return };
    let role = unique("ripcord_backup_owner");
    let name = made.db.name().to_owned();
    made.db
        .sql(&format!(
            "CREATE ROLE {role};
             ALTER DATABASE \"{name}\" OWNER TO {role};
             ALTER DATABASE \"{name}\" CONNECTION LIMIT 17;
             REVOKE TEMP ON DATABASE \"{name}\" FROM PUBLIC;
             GRANT CREATE ON DATABASE \"{name}\" TO PUBLIC;
             ALTER DATABASE \"{name}\" SET search_path TO \"$user\", public, \"odd, name\";
             ALTER DATABASE \"{name}\" SET work_mem TO '7MB';
             ALTER DATABASE \"{name}\" SET my.own TO 'it''s \\ here';
             ALTER ROLE {role} IN DATABASE \"{name}\" SET statement_timeout TO '5s';
             COMMENT ON DATABASE \"{name}\" IS 'the \\ live ''one''';"
        ))
        .await;
    let before = surroundings(&made.db, &role).await;
    // Somebody is connected, and idle in a transaction at that.
    let visitor = made.db.client().await;
    visitor
        .batch_execute("BEGIN; INSERT INTO t VALUES (4)")
        .await
        .unwrap();
    assert_eq!(made.rows().await, 3);

    let switched = made.source.switch(&made.switch()).await.unwrap();
    assert!(!switched.already);
    assert!(switched.ended >= 1, "{switched:?}");
    assert!(visitor.batch_execute("COMMIT").await.is_err());
    assert_eq!(made.rows().await, 2, "the backup's rows");
    assert_eq!(surroundings(&made.db, &role).await, before);

    let kept = made.db.conninfo.with_database(&switched.kept);
    let old = kept.connect().await.unwrap();
    let rows: i64 = old
        .query_one("SELECT count(*) FROM t", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(rows, 3, "nothing of the old one is lost");
    drop(old);
    let error = made.source.discard(&switched.kept).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Conflict,
        "the kept one is not dropped as scratch"
    );

    // Once more, as after a crash right behind the rename.
    let again = made.source.switch(&made.switch()).await.unwrap();
    assert!(again.already);
    assert_eq!(again.kept, switched.kept);
    assert_eq!(made.rows().await, 2);

    made.db
        .sql(&format!(
            "ALTER DATABASE \"{name}\" OWNER TO CURRENT_USER;
             ALTER DATABASE \"{}\" OWNER TO CURRENT_USER",
            switched.kept
        ))
        .await;
    made.db.sql(&format!("ALTER ROLE {role} IN DATABASE \"{name}\" RESET ALL; ALTER ROLE {role} IN DATABASE \"{}\" RESET ALL", switched.kept)).await;
    made.db.sql(&format!("REVOKE ALL ON DATABASE \"{name}\" FROM {role}; REVOKE ALL ON DATABASE \"{}\" FROM {role}", switched.kept)).await;
    made.db.sql(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_crash_after_refusing_connections_is_finished_or_undone() {
    let Some(made) = made().await else { return };
    let admin = made.db.admin().await;
    let name = made.db.name();
    let close = format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false");
    admin.batch_execute(&close).await.unwrap();
    assert!(made.db.conninfo.connect().await.is_err());
    made.source.reopen().await.unwrap();
    assert_eq!(made.rows().await, 3);

    admin.batch_execute(&close).await.unwrap();
    made.source.switch(&made.switch()).await.unwrap();
    assert_eq!(made.rows().await, 2);
}

#[tokio::test]
async fn a_switch_that_fails_leaves_the_live_one_serving() {
    let Some(made) = made().await else { return };
    let visitor = made.db.client().await;
    let mut switch = made.switch();
    switch.deadline = Duration::ZERO;
    let error = made.source.switch(&switch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
    assert!(error.to_string().contains("pid "), "{error}");
    drop(visitor);
    assert_eq!(made.rows().await, 3, "it serves, and has its rows");
    assert_eq!(
        made.db
            .databases("_before_")
            .await
            .iter()
            .filter(|name| name.contains(made.db.name()))
            .count(),
        0
    );
}

#[tokio::test]
async fn only_a_verified_restore_of_that_backup_is_switched_to() {
    let Some(made) = made().await else { return };
    let other: BackupId = "20261120T110458Z-6f3a9c1e".parse().unwrap();
    let error = made
        .source
        .switch(&Switch::new(&made.restored, other))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    made.source
        .mark(&made.restored, "ripcord: unverified restore of backup x")
        .await
        .unwrap();
    let error = made.source.switch(&made.switch()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(made.rows().await, 3);

    // Restoring again finds it there, compares, and marks it.
    let again = made
        .vault
        .restore(&made.source, &made.id, &made.restored, &())
        .await
        .unwrap();
    assert!(again.report.is_none());
    made.source.switch(&made.switch()).await.unwrap();
    assert_eq!(made.rows().await, 2);
}

#[tokio::test]
async fn restored_databases_are_not_open_to_everybody() {
    let Some(made) = made().await else { return };
    let open: bool = made
        .db
        .admin()
        .await
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
             WHERE d.datname = $1 AND a.grantee = 0)",
            &[&made.restored],
        )
        .await
        .unwrap()
        .get(0);
    assert!(!open);
}

#[tokio::test]
async fn the_same_backup_can_be_gone_back_to_again() {
    let Some(made) = made().await else { return };
    let first = made.source.switch(&made.switch()).await.unwrap();
    made.db.sql("INSERT INTO t VALUES (5), (6)").await;
    assert!(made.source.switched(&made.switch()).await.unwrap());

    // Another name says that it is not the same switch once more.
    let mut kept = vec![first.kept];
    for round in ["second", "third"] {
        let restored = format!("{}_{round}", made.db.name());
        let switch = Switch::new(&restored, made.id.clone());
        assert!(!made.source.switched(&switch).await.unwrap());
        made.source.ready_to_switch(&switch, &[]).await.unwrap();
        made.vault
            .restore(&made.source, &made.id, &restored, &())
            .await
            .unwrap();
        let done = made.source.switch(&switch).await.unwrap();
        assert!(!done.already);
        assert_eq!(made.rows().await, 2, "{round}");
        let again = made.source.switch(&switch).await.unwrap();
        assert!(again.already);
        assert_eq!((&again.kept, &again.at), (&done.kept, &done.at));
        kept.push(done.kept);
    }
    // By now something else is live.
    assert!(!made.source.switched(&made.switch()).await.unwrap());
    kept.sort();
    kept.dedup();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(kept.iter().all(|name| name.len() <= 63), "{kept:?}");
    let dated = made.id.as_str().to_lowercase();
    let there = made.db.databases(&dated).await;
    assert_eq!(there, kept);
    for name in kept {
        made.db
            .sql(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"))
            .await;
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_told_before_anything_is_restored() {
    let Some(made) = made().await else { return };
    let name = made.db.name().to_owned();
    let ready = async |restored: &str, keep: &[String]| {
        let switch = Switch::new(restored, made.id.clone());
        made.source.ready_to_switch(&switch, keep).await
    };
    ready(&made.restored, &[]).await.unwrap();
    ready("not_there_yet", &[]).await.unwrap();
    for (restored, kind) in [
        (name.as_str(), ErrorKind::InvalidInput),
        ("", ErrorKind::InvalidInput),
        (&"x".repeat(64), ErrorKind::InvalidInput),
        ("postgres", ErrorKind::AlreadyExists),
    ] {
        let error = ready(restored, &[]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.help().is_some(), "{error:?}");
    }

    let keep = ["empty".to_owned(), "audit".to_owned()];
    made.db
        .sql("CREATE SCHEMA empty; CREATE SCHEMA audit")
        .await;
    ready(&made.restored, &keep).await.unwrap();
    made.db.sql("CREATE TABLE audit.t ()").await;
    let error = ready(&made.restored, &keep).await.unwrap_err();
    assert!(error.to_string().contains("schema audit"), "{error}");
    assert!(error.help().unwrap().contains("--in-place"), "{error:?}");

    made.db
        .sql(
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p
              WITH (connect = false, slot_name = NONE)",
        )
        .await;
    ready(&made.restored, &[]).await.unwrap();
    let slot = unique("ripcord_slot");
    made.db
        .sql(&format!(
            "SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')"
        ))
        .await;
    let error = ready(&made.restored, &[]).await;
    made.db
        .sql(&format!("SELECT pg_drop_replication_slot('{slot}')"))
        .await;
    assert!(error.unwrap_err().to_string().contains(&slot));
    let role = unique("ripcord_backup_other");
    let sql = format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE \"{name}\" TO {role}");
    made.db.sql(&sql).await;
    let visitor = made.db.client().await;
    let theirs = PostgresSource::new(made.db.as_role(&role, ""), PostgresOptions::default());
    let switch = Switch::new(&made.restored, made.id.clone());
    let error = theirs.ready_to_switch(&switch, &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    for reason in [
        "it belongs to",
        "may not create",
        "may not end its sessions",
    ] {
        assert!(error.to_string().contains(reason), "{error}");
    }
    let error = theirs.switch(&switch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    visitor.batch_execute("SELECT 1").await.unwrap();
    drop(visitor);
    made.db
        .sql(&format!(
            "REVOKE ALL ON DATABASE \"{name}\" FROM {role}; DROP ROLE {role}"
        ))
        .await;
}

#[tokio::test]
async fn a_prepared_transaction_throws_nobody_out() {
    let Some(made) = made().await else { return };
    let visitor = made.db.client().await;
    visitor
        .batch_execute("BEGIN; INSERT INTO t VALUES (9); PREPARE TRANSACTION 'it''s'")
        .await
        .unwrap();
    let error = made.source.switch(&made.switch()).await.unwrap_err();
    visitor
        .batch_execute("ROLLBACK PREPARED 'it''s'")
        .await
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(
        error.help().unwrap().contains("ROLLBACK PREPARED 'it''s'"),
        "{error:?}"
    );
    made.source.switch(&made.switch()).await.unwrap();
}
