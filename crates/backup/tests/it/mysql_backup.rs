//! Whole backups on a real MariaDB.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use object_store::memory::InMemory;
use ripcord_backup::sources::{MarkPlace, MysqlOptions, MysqlSource};
use ripcord_backup::test_util::conformance;
use ripcord_backup::{
    CreateOptions, Destination, Error, ErrorKind, Level, Manifest, Source as _, Vault,
};

use crate::mysql::Db;
use crate::pg::unique;

/// One of everything.
pub(crate) const SHOP: &[&str] = &[
    "CREATE TABLE `odd \"name\" \\ ünï it's` (
       id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
       `a``b` varchar(200) COLLATE utf8mb4_unicode_ci DEFAULT 'x''y\\\\z, (', b longblob, j json,
       e enum('a','b''c',',(') COMMENT 'one; `two`', s set('x','y'), bi bit(9),
       d decimal(20,5), db double, y year, p point, ts timestamp NULL, dt datetime(6),
       g int GENERATED ALWAYS AS (d * 2) STORED, v int AS (d * 3) VIRTUAL,
       inv int INVISIBLE DEFAULT 7, CHECK (d < 1e9)
     ) AUTO_INCREMENT=100 COMMENT='it''s; a `comment`'",
    "INSERT INTO `odd \"name\" \\ ünï it's` (`a``b`, b, j, e, s, bi, d, db, y, p, ts, dt) VALUES
       ('o''hara; -- x', x'00ff0a0d1a5c27', '{\"a\": \"b\\\\\"c\"}', 'b''c', 'x,y', b'101', -1.5, 1e300, 1999,
        POINT(1, 2), '2020-01-01 00:00:00', '2021-02-03 04:05:06.789'),
       (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('ünï 😀 \\n\\t\\0\\r\\n\\Z \\\\ \"),(\\'', '', '[]', 'a', '', b'0', 0, 0, NULL, NULL, NULL, NULL)",
    "CREATE TABLE empty (a int)",
    "CREATE TABLE c1 (id int PRIMARY KEY, other int)",
    "CREATE TABLE c2 (id int PRIMARY KEY, other int, FOREIGN KEY (other) REFERENCES c1 (id))",
    "INSERT INTO c1 VALUES (1, 1), (2, NULL)",
    "INSERT INTO c2 VALUES (1, 1)",
    "ALTER TABLE c1 ADD FOREIGN KEY (other) REFERENCES c2 (id) ON DELETE CASCADE, ADD UNIQUE KEY `k;` (other)",
    "CREATE TABLE part (id int, k int, PRIMARY KEY (id, k)) PARTITION BY RANGE (k)
       (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO part VALUES (1, 1), (2, 20)",
    "CREATE TABLE old (n text) CHARACTER SET latin1",
    "INSERT INTO old VALUES ('Grüße €')",
    "CREATE TABLE versioned (a int PRIMARY KEY, b int) WITH SYSTEM VERSIONING",
    "INSERT INTO versioned VALUES (1, 1), (2, 2)",
    "UPDATE versioned SET b = 3 WHERE a = 1",
    "CREATE SEQUENCE sq START WITH 5 INCREMENT BY 3",
    "SELECT NEXTVAL(sq)",
    "CREATE VIEW z_view AS SELECT 1 AS one",
    "CREATE VIEW a_view AS SELECT z.one, c1.id FROM z_view z, c1",
    "CREATE TRIGGER tr BEFORE INSERT ON c1 FOR EACH ROW BEGIN SET @x = ';;'; IF NEW.id < 0 THEN SET NEW.id = 0; END IF; END",
    "CREATE PROCEDURE pr(a int) COMMENT 'INSERT INTO `x` VALUES (1);' MODIFIES SQL DATA
     BEGIN
       -- it's a comment; with ( and '
       SELECT \"a;b\"; /* and ; another */
       IF a > 1 THEN SELECT CASE a WHEN 2 THEN IF(a, 1, 2) ELSE 3 END; END IF;
     END",
    "CREATE DEFINER = 'nobody'@'nowhere' FUNCTION fn(a int) RETURNS int DETERMINISTIC RETURN a + 1",
    "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    "CREATE PROCEDURE \"odd `modes\"() SELECT '\\', \"x\".id FROM c1 AS \"x\"",
    "SET sql_mode = DEFAULT",
    "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' ENABLE COMMENT 'PRESERVE DISABLE'
     DO BEGIN DELETE FROM empty; END",
    "CREATE EVENT off ON SCHEDULE EVERY 1 HOUR STARTS '2020-01-01 00:00:00' DISABLE DO SELECT 1",
    "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci",
];

pub(crate) fn vault() -> Vault {
    Vault::new(Arc::new(InMemory::new()), "")
}

pub(crate) async fn create(vault: &Vault, source: &MysqlSource) -> Result<Manifest, Error> {
    vault.create(source, &CreateOptions::default(), &()).await
}

#[tokio::test]
async fn everything_comes_back() {
    let name = format!("{} of odd; ünï `-", unique("ripcord_mysql_test"));
    let Some(db) = Db::named(&name, SHOP).await else {
        return;
    };
    let (vault, source) = (vault(), db.source());
    conformance(&source).await.unwrap();
    let manifest = create(&vault, &source).await.unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert_eq!(manifest.verification.limited, None);
    assert_eq!(manifest.server.database, name);
    assert!(manifest.server.version.contains("MariaDB"));
    assert!(manifest.server.lsn.as_ref().unwrap().contains("binlog."));
    assert!(manifest.server.started <= manifest.server.finished);
    assert_eq!(manifest.archive.file, "archive.sql.zst");
    assert_eq!(
        manifest.verification.harmless,
        ["event ev sleeps until ALTER EVENT `ev` ENABLE"]
    );
    let fingerprint = &manifest.fingerprint;
    for object in [
        "database",
        "event ev",
        "event off",
        "function fn",
        "procedure odd `modes",
        "procedure pr",
        "sequence sq",
        "table c1",
        "table empty",
        "table odd \"name\" \\ ünï it's",
        "trigger tr",
        "view a_view",
        "view z_view",
    ] {
        assert!(fingerprint.schema.contains_key(object), "{object}");
    }
    assert_eq!(
        fingerprint.schema.len(),
        17,
        "{:?}",
        fingerprint.schema.keys()
    );
    assert_eq!(
        fingerprint.tables["versioned"].rows, 3,
        "with the old version"
    );
    assert_eq!(fingerprint.tables["empty"].rows, 0);
    let state = &fingerprint.sequences["AUTO_INCREMENT of odd \"name\" \\ ünï it's"];
    assert_eq!((state.last, state.needed), (Some(102), Some(102)));
    assert!(manifest.fingerprint.schema["table c1"].contains("UNIQUE KEY `k;` (`other`)"));
    for level in [
        Level::Stored,
        Level::Structure,
        Level::Restored,
        Level::Counts,
    ] {
        vault
            .verify(&source, &manifest.id, level, &())
            .await
            .unwrap();
    }
    let left = db.marked(manifest.id.as_str()).await;
    assert_eq!(left, Vec::<String>::new());

    let into = unique("ripcord_mysql_restored");
    let restored = vault
        .restore(&source, &manifest.id, &into, &())
        .await
        .unwrap();
    assert_eq!(restored.database, into);
    let again = vault
        .restore(&source, &manifest.id, &into, &())
        .await
        .unwrap();
    assert!(again.report.is_none(), "it is there and verified");
    let events: Vec<(String, String)> = db
        .ask(&format!(
            "SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{into}' ORDER BY 1"
        ))
        .await;
    let expected = [("ev", "SLAVESIDE_DISABLED"), ("off", "DISABLED")];
    assert_eq!(events, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    source.discard(&into).await.unwrap();
}

#[tokio::test]
async fn a_mark_in_a_table_does_as_well() {
    // The tool cannot dump events and routines of a database with quotes in its name.
    let name = format!("{} it's \"odd\" \\ ünï", unique("ripcord_mysql_test"));
    let sql = ["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)"];
    let Some(db) = Db::named(&name, &sql).await else {
        return;
    };
    let mut options = MysqlOptions::default();
    options.mark_place = MarkPlace::Table;
    let source = db.source_with(options);
    conformance(&source).await.unwrap();
    let manifest = create(&vault(), &source).await.unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert_eq!(manifest.fingerprint.tables.len(), 1);
}

#[tokio::test]
async fn a_writer_does_not_disturb_it() {
    let Some(db) = Db::new(&[
        "CREATE TABLE t (id bigint AUTO_INCREMENT PRIMARY KEY, a text)",
        "CREATE TABLE u (n int)",
        "INSERT INTO u VALUES (0)",
        "INSERT INTO t (a) SELECT REPEAT(MD5(seq), 10) FROM seq_1_to_30000",
    ])
    .await
    else {
        return;
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (mut client, stop) = (db.client().await, Arc::clone(&stop));
        tokio::spawn(async move {
            let mut written = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                for sql in [
                    "INSERT INTO t (a) VALUES ('x'), ('y'), ('z')",
                    "UPDATE u SET n = n + 1",
                    "DELETE FROM t ORDER BY id LIMIT 1",
                ] {
                    client.query_drop(sql).await.unwrap();
                }
                written += 1;
            }
            written
        })
    };
    let (vault, source) = (vault(), db.source());
    let before = source.fingerprint().await.unwrap();
    for _ in 0..10 {
        let manifest = create(&vault, &source).await.unwrap();
        assert_eq!(manifest.verification.level, Level::Content);
        assert!(!before.diff(&manifest.fingerprint).is_empty());
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written > 10, "the writer only wrote {written} times");
}

#[tokio::test]
async fn one_changed_byte_in_a_row_is_seen() {
    let Some(db) = Db::new(&[
        "CREATE TABLE t (id int, a text)",
        "INSERT INTO t SELECT seq, MD5(seq) FROM seq_1_to_1000",
    ])
    .await
    else {
        return;
    };
    let source = db.source();
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await.unwrap();
    let row = b"c4ca4238a0b923820dcc509a6f75849b";
    let at = archive.windows(row.len()).position(|w| w == row).unwrap();
    archive[at] ^= 1;
    let into = Destination::new(
        unique("ripcord_mysql_flipped"),
        "ripcord: scratch copy of a test",
    );
    source
        .restore(&mut archive.as_slice(), &into)
        .await
        .unwrap();
    let restored = source.fingerprint_of(&into.database).await.unwrap();
    let found = snapshot.fingerprint.diff(&restored);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].object, "content of t");
    source.discard(&into.database).await.unwrap();
}

#[tokio::test]
async fn column_order_is_not_content() {
    let Some(db) = Db::new(&[
        "CREATE TABLE t (a int, b int, c text)",
        "INSERT INTO t VALUES (1, 2, 'x'), (2, 1, 'y')",
    ])
    .await
    else {
        return;
    };
    let source = db.source();
    let before = source.fingerprint().await.unwrap();
    db.sql(&["ALTER TABLE t MODIFY a int AFTER c"]).await;
    let after = source.fingerprint().await.unwrap();
    assert_eq!(before.diff(&after), []);
    assert_eq!(before.notes(&after).len(), 1);
    // The same values, in other rows.
    db.sql(&["UPDATE t SET b = 3 - b"]).await;
    let after = source.fingerprint().await.unwrap();
    assert_eq!(before.diff(&after).len(), 1);
}

#[tokio::test]
async fn less_is_proven_where_the_server_allows_less() {
    for (sql, level, says) in [
        (
            "CREATE TABLE m (a int) ENGINE=MyISAM",
            Level::Restored,
            "no snapshot covers m (MyISAM)",
        ),
        (
            "CREATE TABLE m (a int) ENGINE=Aria",
            Level::Restored,
            "no snapshot covers m (Aria)",
        ),
        (
            "CREATE TABLE m (f float) AS SELECT 0.123456789 AS f",
            Level::Counts,
            "type float in full, and m has some",
        ),
    ] {
        let Some(db) = Db::new(&[
            "CREATE TABLE t (f float, a int)",
            "INSERT INTO t VALUES (1.5, 2)",
            sql,
        ])
        .await
        else {
            return;
        };
        let manifest = create(&vault(), &db.source()).await.unwrap();
        assert_eq!(manifest.verification.level, level, "{sql}");
        let limited = manifest.verification.limited.unwrap();
        assert!(limited.contains(says), "{limited}");
    }
}

#[tokio::test]
async fn without_the_global_lock_it_is_only_restored() {
    let Some(db) = Db::new(&["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)"]).await else {
        return;
    };
    let user = db.user("s3cret'pw", "ALL").await;
    let url = db.url_as(&user, "s3cret'pw");
    let source = MysqlSource::new(&url, MysqlOptions::default()).unwrap();
    let manifest = create(&vault(), &source).await;
    db.sql(&[&format!("DROP USER {user}@'%'")]).await;
    let manifest = manifest.unwrap();
    assert_eq!(manifest.verification.level, Level::Restored);
    let limited = manifest.verification.limited.unwrap();
    assert!(
        limited.contains("RELOAD") && limited.contains(&user),
        "{limited}"
    );
}

#[tokio::test]
async fn a_lock_is_waited_for_only_so_long() {
    let Some(db) = Db::alone(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    let user = db.user("s3cret", "ALL").await;
    let mut holder = db.client().await;
    holder.query_drop("LOCK TABLES t WRITE").await.unwrap();
    let mut options = MysqlOptions::default();
    options.read_lock_timeout = Duration::from_secs(1);
    options.lock_wait_timeout = Duration::from_secs(1);
    let vault = vault();
    let url = db.url_as(&user, "s3cret");
    // With the global lock, and without the right to it.
    for source in [
        db.source_with(options.clone()),
        MysqlSource::new(&url, options).unwrap(),
    ] {
        let error = create(&vault, &source).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    }
    assert_eq!(vault.list().await.unwrap(), []);
    holder.query_drop("UNLOCK TABLES").await.unwrap();
    db.sql(&[&format!("DROP USER {user}@'%'")]).await;
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let Some(db) = Db::new(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    let user = db.user("s3cret", "ALL").await;
    let wrong = db.url_as(&user, "wr0ngs3cret");
    let missing = db
        .url()
        .replace(db.name(), "x")
        .replace(&db.url()[db.url().len() - 3..], "zzz");
    let nowhere = "mysql://ann:s3cret@127.0.0.1:1/shop".to_owned();
    for (url, kind) in [
        (wrong, ErrorKind::PermissionDenied),
        (missing, ErrorKind::NotFound),
        (nowhere, ErrorKind::Unreachable),
    ] {
        let source = MysqlSource::new(&url, MysqlOptions::default()).unwrap();
        let error = create(&vault(), &source).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let all = format!("{error} {error:?} {source:?} {}", source.name());
        assert!(!all.contains("s3cret"), "{all}");
    }
    db.sql(&[&format!("DROP USER {user}@'%'")]).await;
}

#[tokio::test]
async fn missing_tools_are_named() {
    let Some(db) = Db::new(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    // Where PATH is looked into last, a tool of the wrong product is passed over.
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let fake = dir.path().join("mysqldump");
    std::fs::write(&fake, "#!/bin/sh\necho 'mysqldump  Ver 8.0.36 for Linux'\n").unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = MysqlOptions::default();
    options.tool_dirs = vec![dir.path().to_owned()];
    let mut archive = Vec::new();
    let snapshot = db.source_with(options).dump(&mut archive).await.unwrap();
    assert!(
        snapshot.server.tool.starts_with("mariadb-dump"),
        "{}",
        snapshot.server.tool
    );
}

#[tokio::test]
async fn a_server_session_that_ends_fails_the_backup() {
    let Some(db) = Db::new(&[
        "CREATE TABLE t (a longtext)",
        "INSERT INTO t SELECT REPEAT(MD5(seq), 400) FROM seq_1_to_9000",
    ])
    .await
    else {
        return;
    };
    let (vault, source) = (vault(), db.source());
    let mut admin = db.admin().await;
    let name = db.name();
    let gone = async {
        // As soon as the tool reads rows.
        loop {
            let found: Option<u64> = admin
                .exec_first(
                    "SELECT ID FROM information_schema.PROCESSLIST
                     WHERE DB = ? AND INFO LIKE 'SELECT /*!40001%'",
                    (name,),
                )
                .await
                .unwrap();
            if let Some(id) = found {
                // It may be through just now.
                let _ = admin.query_drop(format!("KILL {id}")).await;
                break;
            }
        }
    };
    let mut making = Box::pin(create(&vault, &source));
    let result = tokio::select! {
        result = &mut making => result,
        () = gone => making.await,
    };
    let error = result.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::ToolFailed | ErrorKind::Unreachable),
        "{error}"
    );
    assert_eq!(vault.list().await.unwrap(), []);
}

#[tokio::test]
async fn only_what_we_made_is_dropped() {
    let Some(db) = Db::new(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    let other = db.beside().await;
    let source = db.source();
    for database in [db.name(), other.name(), "mysql"] {
        let error = source.discard(database).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let error = source
            .mark(database, "ripcord: scratch copy of x")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let mut archive = Vec::new();
        source.dump(&mut archive).await.unwrap();
        let into = Destination::new(database, "ripcord: scratch copy of x");
        let error = source
            .restore(&mut archive.as_slice(), &into)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    source.discard("there_is_no_such_database").await.unwrap();
    // Nor the live one, if it was restored once.
    db.sql(&[&format!(
        "ALTER DATABASE COMMENT 'ripcord: verified restore of backup x [{:016x}]'",
        7
    )])
    .await;
    let error = source.discard(db.name()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// argv and environment of every tool on this machine, while `work` runs.
async fn watch(work: impl Future<Output = ()>) -> BTreeSet<String> {
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let read = |file| {
                        let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
                        String::from_utf8_lossy(&bytes).replace('\0', " ")
                    };
                    let argv = read("cmdline");
                    if argv.starts_with("mariadb") && !argv.starts_with("mariadbd") {
                        seen.insert(argv);
                        seen.insert(read("environ"));
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
    let Some(db) = Db::new(&[
        "CREATE TABLE t (a text)",
        "INSERT INTO t SELECT REPEAT(MD5(seq), 20) FROM seq_1_to_50000",
    ])
    .await
    else {
        return;
    };
    let password = "pl4nt3d:S3cret/w@rd \"#'\\;ü";
    let user = db.user(password, "ALL").await;
    db.sql(&[&format!("GRANT RELOAD ON *.* TO {user}@'%'")])
        .await;
    let url = db.url_as(&user, password);
    let source = MysqlSource::new(&url, MysqlOptions::default()).unwrap();
    let seen = watch(async {
        let manifest = create(&vault(), &source).await.unwrap();
        assert_eq!(manifest.verification.level, Level::Content);
        assert!(!format!("{manifest:?}").contains("S3cret"));
    })
    .await;
    db.sql(&[&format!("DROP USER {user}@'%'")]).await;
    for tool in ["mariadb-dump ", "mariadb --defaults-file"] {
        assert!(seen.iter().any(|argv| argv.starts_with(tool)), "{seen:?}");
    }
    assert!(seen.iter().all(|text| !text.contains("S3cret")), "{seen:?}");
    assert!(!format!("{source:?}").contains("S3cret"));
}

#[tokio::test]
async fn cancelling_kills_the_child_and_lets_go_of_the_lock() {
    let Some(db) = Db::alone(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    let user = db.user("s3cret", "ALL").await;
    let mut holder = db.client().await;
    holder.query_drop("LOCK TABLES t WRITE").await.unwrap();
    let tag = unique("ripcord_mysql_tag");
    let mut options = MysqlOptions::default();
    options.env = vec![("RIPCORD_TEST_TAG".to_owned(), tag.clone())];
    options.lock_wait_timeout = Duration::from_secs(3600);
    let source = MysqlSource::new(&db.url_as(&user, "s3cret"), options).unwrap();
    let tagged = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("environ"))
                .is_ok_and(|env| String::from_utf8_lossy(&env).contains(&tag))
        })
    };
    let waiting = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{user}' AND STATE LIKE 'Waiting for table%'"
    );
    let task = tokio::spawn(async move {
        let mut sink = Vec::new();
        source.dump(&mut sink).await.map(drop)
    });
    while !tagged() || db.ask::<u64>(&waiting).await.is_empty() {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    while tagged() {
        tokio::task::yield_now().await;
    }
    holder.query_drop("UNLOCK TABLES").await.unwrap();
    let any = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{user}'");
    while !db.ask::<u64>(&any).await.is_empty() {
        tokio::task::yield_now().await;
    }
    db.sql(&[&format!("DROP USER {user}@'%'"), "INSERT INTO t VALUES (1)"])
        .await;
}
