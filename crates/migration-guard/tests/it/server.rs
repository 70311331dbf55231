//! A database of its own for each test, on the server that the environment names.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ripcord_conninfo::{Conninfo, Nothing};
use ripcord_migration_guard::{Layout, PostgresMigrator, RunOptions, Workspace};
use tokio_postgres::Client;

pub(crate) struct Database {
    pub(crate) conninfo: Conninfo,
    pub(crate) client: Client,
    /// Looks at the server while `client` is inside a transaction.
    watch: Client,
    admin: Client,
    name: String,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// `None` when there is no server; then the test has said so and ends.
pub(crate) async fn database(test: &str) -> Option<Database> {
    let url = server()?;
    let admin_info = Conninfo::parse(&url, &Nothing).unwrap();
    let admin = admin_info.connect().await.unwrap();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("mg_{test}_{}_{count}", std::process::id());
    admin
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    let conninfo = admin_info.with_database(&name);
    let client = conninfo.connect().await.unwrap();
    let watch = conninfo.connect().await.unwrap();
    Some(Database {
        conninfo,
        client,
        watch,
        admin,
        name,
    })
}

impl Database {
    pub(crate) async fn drop(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.admin.batch_execute(&sql).await.unwrap();
    }

    pub(crate) fn migrator(&self, layout: Layout, application_name: &str) -> PostgresMigrator {
        let mut options = RunOptions::default();
        options.application_name = application_name.to_owned();
        options.lock_timeout = Duration::from_millis(200);
        options.backoff = Duration::from_millis(20);
        PostgresMigrator::new(self.conninfo.clone(), layout, options)
    }

    /// Asks until the answer is true; the test's own runner has a deadline.
    pub(crate) async fn until(&self, what: &str, sql: &str) {
        for _ in 0..3000 {
            if self.truth(sql).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never came true: {what}");
    }

    pub(crate) async fn truth(&self, sql: &str) -> bool {
        self.watch.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Another session, which is found by its name.
    pub(crate) async fn session(&self, name: &str) -> Client {
        let conninfo = self.conninfo.with_application_name(name);
        conninfo.connect().await.unwrap()
    }

    /// The same database where something else listens for it.
    pub(crate) fn at_port(&self, port: u16) -> Conninfo {
        let url = format!(
            "postgres://{}@127.0.0.1:{port}/{}?sslmode=disable",
            self.conninfo.user(),
            self.name
        );
        Conninfo::parse(&url, &Nothing).unwrap()
    }

    /// The server's own address.
    pub(crate) fn address(&self) -> (String, u16) {
        match &self.conninfo.hosts()[0] {
            ripcord_conninfo::Host::Tcp { name, port, .. } => (name.clone(), *port),
            other => panic!("a proxy needs TCP: {other:?}"),
        }
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }
}

pub(crate) fn workspace(files: &[(&str, &str)]) -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    let workspace = Workspace::new(folder.path());
    (folder, workspace)
}

pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where servers are"
)]
pub(crate) fn server() -> Option<String> {
    if let Ok(url) = std::env::var("RIPCORD_TEST_POSTGRES_URL") {
        return Some(url);
    }
    let required = std::env::var("RIPCORD_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
    assert!(
        !required,
        "RIPCORD_TEST_POSTGRES_URL is not set and services are required"
    );
    eprintln!("SKIPPED: RIPCORD_TEST_POSTGRES_URL is not set");
    None
}
