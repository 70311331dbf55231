//! What lies beside each archive of MariaDB restores it where nothing of ours is installed.

use std::fs;
use std::process::Command;

use mysql_async::Opts;
use ripcord_backup::{CreateOptions, Source as _, Vault, stores};

use crate::mysql::Db;
use crate::mysql_backup::SHOP;
use crate::pg::unique;

#[tokio::test]
async fn a_database_restores_without_us_and_its_events_sleep() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    db.sql(&[
        "CREATE EVENT kept ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE ENABLE DO SELECT ' ON COMPLETION PRESERVE ENABLE'",
        "CREATE TABLE tricky (a text)",
        "INSERT INTO tricky VALUES ('\n/*!50106 CREATE*/ EVENT  ON COMPLETION PRESERVE ENABLE')",
    ])
    .await;
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::new(stores::folder(&dir.path().join("store")).unwrap(), "");
    let source = db.source();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let opts = Opts::from_url(&db.url()).unwrap();
    let options = format!(
        "[client]\nhost={}\nport={}\nuser={}\npassword={}\nprotocol=tcp\n",
        opts.ip_or_hostname(),
        opts.tcp_port(),
        opts.user().unwrap_or_default(),
        opts.pass().unwrap_or_default()
    );
    fs::write(dir.path().join("my.cnf"), options).unwrap();
    let folder = dir.path().join("store").join(manifest.id.as_str());
    let into = unique("ripcord_mysql_kit");
    let output = Command::new("sh")
        .arg(folder.join("restore.sh"))
        .arg(&into)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("MYSQL_HOME", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found = source.fingerprint_of(&into).await.unwrap();
    let events: Vec<(String, String)> = db
        .ask(&format!(
            "SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{into}' ORDER BY 1"
        ))
        .await;
    db.sql(&[&format!("DROP DATABASE {into}")]).await;
    assert_eq!(manifest.fingerprint.diff(&found), []);
    let expected = [
        ("ev", "SLAVESIDE_DISABLED"),
        ("kept", "SLAVESIDE_DISABLED"),
        ("off", "DISABLED"),
    ];
    assert_eq!(events, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let text = fs::read_to_string(folder.join("RESTORE.md")).unwrap();
    assert!(
        text.contains("`ALTER EVENT name ENABLE` wakes one"),
        "{text}"
    );
}
