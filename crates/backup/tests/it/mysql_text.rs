//! What is taken for a dump and what is not. No server is needed to look into an archive.

use std::process::Command;
use std::sync::Arc;

use mysql_async::Opts;
use object_store::memory::InMemory;
use ripcord_backup::sources::{MysqlOptions, MysqlSource};
use ripcord_backup::{Destination, Error, ErrorKind, ImportOptions, Source as _, Vault};
use tokio::io::AsyncReadExt as _;

use crate::mysql::Db;
use crate::mysql_backup::SHOP;
use crate::pg::unique;

fn source() -> MysqlSource {
    MysqlSource::new("mysql://ann@127.0.0.1:1/shop", MysqlOptions::default()).unwrap()
}

const END: &str = "\n-- Dump completed\n";

async fn inspect(text: &[u8]) -> Result<u64, Error> {
    source().inspect(&mut &text[..]).await
}

/// In pieces of one byte, so that every border is one between pieces.
async fn inspect_by_byte(text: &[u8]) -> Result<u64, Error> {
    let mut all: Box<dyn tokio::io::AsyncRead + Send + Unpin> = Box::new(tokio::io::empty());
    for byte in text.chunks(1) {
        all = Box::new(all.chain(std::io::Cursor::new(byte.to_vec())));
        if text.len() > 4096 {
            break;
        }
    }
    source().inspect(&mut all).await
}

const DUMP: &str = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n\
/*!40101 SET NAMES utf8mb4 */;\n/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n\
DROP TABLE IF EXISTS `t;`;\nCREATE TABLE `t;` (\n  `a` int(11) DEFAULT 1,\n  `b` text COMMENT '; -- )'\n) ENGINE=InnoDB;\n\
LOCK TABLES `t;` WRITE;\n/*!40000 ALTER TABLE `t;` DISABLE KEYS */;\n\
INSERT INTO `t;` VALUES\n(1,'a\\'b;),('),\n(-2,NULL);\nINSERT INTO `t;` (`b`, `a`) VALUES (0x00,1e-5);\nUNLOCK TABLES;\n\
DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER tr BEFORE INSERT ON `t;` FOR EACH ROW BEGIN SET @a = 1; SET @b = ';;'; END */;;\nDELIMITER ;\n\
\n-- Dump completed\n";

#[tokio::test]
async fn pieces_of_any_size_are_read_alike() {
    assert_eq!(inspect(DUMP.as_bytes()).await.unwrap(), 2);
    assert_eq!(inspect_by_byte(DUMP.as_bytes()).await.unwrap(), 2);
}

#[tokio::test]
async fn cut_anywhere_it_is_corrupt() {
    let whole = DUMP.trim_end().len();
    for at in 0..whole {
        let error = inspect(&DUMP.as_bytes()[..at]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {at}: {error}");
    }
    let doubled = format!("{DUMP}DROP TABLE IF EXISTS `x`;\n");
    assert_eq!(
        inspect(doubled.as_bytes()).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn what_a_dump_has_no_need_of_is_refused() {
    let table = "CREATE TABLE `t` (`a` int, `b` int);\n";
    for text in [
        "USE `live`;",
        "CREATE DATABASE `live`;",
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `live`;",
        "DROP DATABASE `live`;",
        "DROP /*!999999 TABLE IF EXISTS `x` */ DATABASE `live`;",
        "DROP TABLE IF EXISTS `live`.`t`;",
        "DROP TABLE IF EXISTS `a`, `b`;",
        "CREATE TABLE `live`.`t` (`a` int);",
        "CREATE TABLE `x` (`a` int) SELECT * FROM `live`.`t`;",
        "CREATE VIEW `live`.`v` AS SELECT 1;",
        "CREATE TRIGGER `live`.`tr` BEFORE INSERT ON `live`.`t` FOR EACH ROW SET @a = 1;",
        "CREATE USER `x`;",
        "CREATE INDEX `x` ON `live`.`t` (`a`);",
        "GRANT ALL ON *.* TO `x`;",
        "SET GLOBAL max_connections = 1;",
        "SET @@global.max_connections = 1;",
        "SET PASSWORD = 'x';",
        "SET @a = (SELECT `live`.`f`());",
        "INSERT INTO `live`.`t` VALUES (1,2);",
        "INSERT INTO `x` VALUES (1,2);",
        "INSERT INTO `t` SELECT * FROM `live`.`t`;",
        "INSERT INTO `t` VALUES (1,(SELECT 2));",
        "INSERT INTO `t` VALUES (1,2) ON DUPLICATE KEY UPDATE `a` = 1;",
        "INSERT INTO `t` VALUES (1);",
        "INSERT INTO `t` VALUES (1,2,3);",
        "INSERT INTO `t` /* x */ VALUES (1,2);",
        "INSERT INTO `t` VALUES (1,2 -- )\n);",
        "CREATE VIEW `v` AS SELECT * FROM `live`.`t`; INSERT INTO `v` VALUES (1);",
        "CREATE TABLE `m` (`a` int) ENGINE=MRG_MyISAM UNION=(`live`.`t`); INSERT INTO `m` VALUES (1);",
        "DELIMITER ;;\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW DELETE FROM live.t;;\nDELIMITER ;\nINSERT INTO `t` VALUES (1,2);",
        "DELIMITER ;;\nCREATE VIEW `v` AS SELECT 1; DROP DATABASE `live`;;\nDELIMITER ;",
        "DELIMITER ;;\nCREATE PROCEDURE p() SELECT 1; DROP DATABASE `live`;;\nDELIMITER ;",
        "DELIMITER x\nSET NAMES utf8x",
        "\\! touch /tmp/x\n;",
        "system touch /tmp/x;",
        "source /tmp/x;",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE `t`;",
        "CHANGE MASTER TO MASTER_HOST='x';",
        "CALL `live`.`p`();",
    ] {
        let text = format!("{table}{text}{END}");
        let error = inspect(text.as_bytes()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
    }
    inspect(format!("{table}INSERT INTO `t` VALUES (1,2),(3,4);{END}").as_bytes())
        .await
        .unwrap();
}

/// Restored into a server, a text that is cut off or wants too much is refused too, and leaves
/// nothing that could be taken for a copy.
#[tokio::test]
async fn a_cut_archive_is_never_restored() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    db.sql(&["INSERT INTO c1 SELECT seq, NULL FROM seq_10_to_3000"])
        .await;
    let source = db.source();
    let mut archive = Vec::new();
    source.dump(&mut archive).await.unwrap();
    let into = Destination::new(
        unique("ripcord_mysql_cut"),
        "ripcord: scratch copy of a cut",
    );
    let mut at = 0;
    while at < archive.len() - 2 {
        let error = source.inspect(&mut &archive[..at]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {at}: {error}");
        at += 211;
    }
    for part in 1..16 {
        let cut = &archive[..archive.len() * part / 16];
        let error = source.restore(&mut &cut[..], &into).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Corrupt,
            "cut at {part}/16: {error}"
        );
    }
    // At the end of a statement.
    let end = archive.len() - "-- Dump completed\n".len();
    let error = source
        .restore(&mut &archive[..end], &into)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    source.discard(&into.database).await.unwrap();
}

#[tokio::test]
async fn what_the_server_refuses_fails_the_restore() {
    let Some(db) = Db::new(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    let source = db.source();
    let into = Destination::new(
        unique("ripcord_mysql_refused"),
        "ripcord: scratch copy of t",
    );
    let text = format!(
        "CREATE TABLE `t` (`a` int PRIMARY KEY);\nINSERT INTO `t` VALUES (1),(1);\nCREATE TABLE `u` (`a` int);\n{END}"
    );
    let error = source
        .restore(&mut text.as_bytes(), &into)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ToolFailed, "{error}");
    assert!(error.to_string().contains("Duplicate entry"), "{error}");
    source.discard(&into.database).await.unwrap();
}

/// What a dump does to the default character set of the database that it came from.
#[tokio::test]
async fn the_live_database_is_not_touched() {
    let Some(db) = Db::new(&[
        "CREATE TABLE t (a int)",
        "CREATE PROCEDURE p() SELECT 1",
        "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci",
    ])
    .await
    else {
        return;
    };
    let trigger = format!(
        "CREATE TRIGGER {0}.tr BEFORE INSERT ON {0}.t FOR EACH ROW SET @a = 1",
        db.quoted()
    );
    db.sql(&[&trigger]).await;
    let source = db.source();
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await.unwrap();
    let text = String::from_utf8_lossy(&archive);
    let statements = text.lines().filter(|line| !line.starts_with("--"));
    assert!(
        statements.clone().all(|line| !line.contains(db.name())),
        "{text}"
    );
    assert!(
        text.contains("ALTER DATABASE CHARACTER SET utf8mb4"),
        "{text}"
    );
    // As an imported dump would have it.
    let named = text.replace(
        "ALTER DATABASE CHARACTER",
        &format!("ALTER DATABASE `{}` CHARACTER", db.name()),
    );
    db.sql(&["ALTER DATABASE CHARACTER SET utf8mb3 COLLATE utf8mb3_bin"])
        .await;
    let into = Destination::new(unique("ripcord_mysql_named"), "ripcord: scratch copy of t");
    source.restore(&mut named.as_bytes(), &into).await.unwrap();
    let restored = source.fingerprint_of(&into.database).await.unwrap();
    assert_eq!(snapshot.fingerprint.diff(&restored), []);
    let sql = format!(
        "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{}'",
        db.name()
    );
    assert_eq!(db.ask::<String>(&sql).await, ["utf8mb3_bin"]);
    source.discard(&into.database).await.unwrap();
}

/// A row that is far longer than any buffer.
#[tokio::test]
async fn a_value_of_many_megabytes() {
    let Some(db) = Db::new(&[
        "CREATE TABLE t (id int, a longblob, b longtext)",
        "INSERT INTO t VALUES (1, REPEAT(x'00ff27', 8000000), REPEAT('it''s\\\\', 2000000)), (2, 'x', 'y')",
    ])
    .await
    else {
        return;
    };
    let source = db.source();
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await.unwrap();
    assert!(archive.len() > 48_000_000);
    let into = Destination::new(unique("ripcord_mysql_long"), "ripcord: scratch copy of t");
    source
        .restore(&mut archive.as_slice(), &into)
        .await
        .unwrap();
    let restored = source.fingerprint_of(&into.database).await.unwrap();
    source.discard(&into.database).await.unwrap();
    assert_eq!(snapshot.fingerprint.diff(&restored), []);
}

/// As the tool writes a trigger that was made with the name of its database.
#[tokio::test]
async fn triggers_that_name_their_own_database_are_imported() {
    let Some(db) = Db::new(&["CREATE TABLE t (a int)"]).await else {
        return;
    };
    let trigger = format!(
        "CREATE TRIGGER {0}.tr BEFORE INSERT ON {0} . t FOR EACH ROW SET NEW.a = 2",
        db.quoted()
    );
    db.sql(&[&trigger]).await;
    let opts = Opts::from_url(&db.url()).unwrap();
    let output = Command::new("mariadb-dump")
        .args(["--no-defaults", "--triggers", "--protocol=tcp"])
        .arg(format!("--host={}", opts.ip_or_hostname()))
        .arg(format!("--port={}", opts.tcp_port()))
        .arg(format!("--user={}", opts.user().unwrap_or_default()))
        .arg(db.name())
        .env("MYSQL_PWD", opts.pass().unwrap_or_default())
        .output()
        .unwrap();
    let dump = String::from_utf8(output.stdout).unwrap();
    assert!(
        dump.contains(&format!("TRIGGER {}.tr", db.quoted())),
        "{dump}"
    );
    // Into what stands for another service, and for the same.
    let other = db.beside().await;
    for into in [&other, &db] {
        let vault = Vault::new(Arc::new(InMemory::new()), "");
        let options = ImportOptions::default();
        let manifest = vault
            .import(&into.source(), dump.as_bytes(), &options, &())
            .await
            .unwrap();
        assert_eq!(manifest.verification.harmless, Vec::<String>::new());
        let facts = &manifest.fingerprint.schema["trigger tr"];
        assert!(
            facts.iter().all(|fact| !fact.contains(db.name())),
            "{facts:?}"
        );
        let restored = unique("ripcord_mysql_trigger");
        vault
            .restore(&into.source(), &manifest.id, &restored, &())
            .await
            .unwrap();
        let live = db.name();
        let on: Vec<(String, String)> = db
            .ask(&format!(
                "SELECT TRIGGER_SCHEMA, EVENT_OBJECT_SCHEMA FROM information_schema.TRIGGERS
                 WHERE TRIGGER_SCHEMA IN ('{live}', '{restored}') ORDER BY TRIGGER_SCHEMA = '{live}'"
            ))
            .await;
        into.source().discard(&restored).await.unwrap();
        let expected = [restored.as_str(), live].map(|name| (name.to_owned(), name.to_owned()));
        assert_eq!(on, expected);
    }
    // One that is to be made elsewhere, or whose text does not say where it comes from.
    let header = dump
        .lines()
        .find(|line| line.starts_with("-- Host: "))
        .unwrap();
    for bad in [
        dump.replacen(&format!(" ON {} . t", db.quoted()), " ON `elsewhere`.t", 1),
        dump.replacen(
            &format!("TRIGGER {}.tr", db.quoted()),
            "TRIGGER `elsewhere`.tr",
            1,
        ),
        dump.replacen(header, "-- Host: x    Database: elsewhere", 1),
        dump.replacen(header, "--", 1),
    ] {
        assert_ne!(bad, dump);
        let vault = Vault::new(Arc::new(InMemory::new()), "");
        let error = vault
            .import(
                &other.source(),
                bad.as_bytes(),
                &ImportOptions::default(),
                &(),
            )
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("a database of its own"),
            "{error}"
        );
    }
}
