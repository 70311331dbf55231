//! A database of the test's own on the server that `RIPCORD_TEST_POSTGRES_URL` names.

use std::sync::atomic::{AtomicU32, Ordering};

use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_conninfo::{Conninfo, Host, System};
use tokio_postgres::Client;

pub(crate) struct Db {
    admin: Conninfo,
    pub(crate) conninfo: Conninfo,
}

/// The server, or `None` with the reason printed.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say when they skip"
)]
fn server() -> Option<Conninfo> {
    let Ok(url) = std::env::var("RIPCORD_TEST_POSTGRES_URL") else {
        let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "RIPCORD_TEST_POSTGRES_URL is required");
        println!("SKIPPED: RIPCORD_TEST_POSTGRES_URL is not set");
        return None;
    };
    Some(Conninfo::parse(&url, &System).unwrap())
}

pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{}_{next}", std::process::id())
}

/// The part of a connection string that gives this one's password, if it has one.
pub(crate) fn password_of(conninfo: &Conninfo) -> String {
    let env = conninfo.libpq_env();
    let found = env.iter().find(|(name, _)| *name == "PGPASSWORD");
    found.map_or_else(String::new, |(_, password)| {
        let escaped = password.replace('\\', "\\\\").replace('\'', "\\'");
        format!(" password='{escaped}'")
    })
}

impl Db {
    pub(crate) async fn new(sql: &str) -> Option<Self> {
        Self::named(&unique("ripcord_backup_test"), sql).await
    }

    pub(crate) async fn named(name: &str, sql: &str) -> Option<Self> {
        let admin = server()?;
        let client = admin.connect().await.unwrap();
        let quoted = name.replace('"', "\"\"");
        client
            .batch_execute(&format!("CREATE DATABASE \"{quoted}\" TEMPLATE template0"))
            .await
            .unwrap();
        let conninfo = admin.with_database(name);
        let db = Self { admin, conninfo };
        db.sql(sql).await;
        Some(db)
    }

    pub(crate) async fn client(&self) -> Client {
        self.conninfo.connect().await.unwrap()
    }

    pub(crate) async fn admin(&self) -> Client {
        self.admin.connect().await.unwrap()
    }

    pub(crate) async fn sql(&self, sql: &str) {
        if let Err(error) = self.client().await.batch_execute(sql).await {
            panic!("{sql}: {:?}", error.as_db_error());
        }
    }

    pub(crate) fn source(&self) -> PostgresSource {
        PostgresSource::new(self.conninfo.clone(), PostgresOptions::default())
    }

    /// The same database for another role.
    pub(crate) fn as_role(&self, role: &str, password: &str) -> Conninfo {
        let text = format!("{} password='{password}'", self.text_as(role));
        Conninfo::parse(&text, &System).unwrap()
    }

    /// The same, as text without a password.
    pub(crate) fn text_as(&self, role: &str) -> String {
        let at = match &self.conninfo.hosts()[0] {
            Host::Tcp { name, port, .. } => format!("host={name} port={port}"),
            Host::Unix { dir, port } => format!("host={} port={port}", dir.display()),
        };
        format!("{at} user={role} dbname={}", self.name())
    }

    pub(crate) fn name(&self) -> &str {
        self.conninfo.database()
    }

    /// Databases whose name contains this.
    pub(crate) async fn databases(&self, part: &str) -> Vec<String> {
        self.admin()
            .await
            .query(
                "SELECT datname::text FROM pg_database WHERE strpos(datname, $1) > 0 ORDER BY 1",
                &[&part],
            )
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }
}

impl Drop for Db {
    /// Also what a test made beside it, such as the copy that a switch keeps.
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name().to_owned());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = admin.connect().await.unwrap();
                let mine = client
                    .query(
                        "SELECT quote_ident(datname) FROM pg_database WHERE strpos(datname, $1) > 0",
                        &[&name],
                    )
                    .await
                    .unwrap();
                for row in mine {
                    let database: String = row.get(0);
                    client
                        .batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)"))
                        .await
                        .unwrap();
                }
            });
        });
        drop(dropped.join());
    }
}
