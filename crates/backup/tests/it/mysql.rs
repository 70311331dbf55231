//! A database of the test's own on the server that `RIPCORD_TEST_MARIADB_URL` names.

use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, Opts, OptsBuilder};
use ripcord_backup::sources::{MysqlOptions, MysqlSource};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::pg::unique;

/// A dump needs the whole server for a moment, so what locks tables for longer has to be alone.
static SERVER: RwLock<()> = RwLock::const_new(());

#[expect(dead_code, reason = "held, not used")]
enum Share {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
    /// With another one of the same test.
    None,
}

pub(crate) struct Db {
    /// The server, as `mysql://user@host:port/`.
    server: String,
    name: String,
    _share: Share,
}

/// The server, or `None` with the reason printed.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say when they skip"
)]
fn server() -> Option<String> {
    let Ok(url) = std::env::var("RIPCORD_TEST_MARIADB_URL") else {
        let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "RIPCORD_TEST_MARIADB_URL is required");
        println!("SKIPPED: RIPCORD_TEST_MARIADB_URL is not set");
        return None;
    };
    Some(url)
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl Db {
    pub(crate) async fn new(sql: &[&str]) -> Option<Self> {
        Self::named(&unique("ripcord_mysql_test"), sql).await
    }

    pub(crate) async fn named(name: &str, sql: &[&str]) -> Option<Self> {
        let server = server()?;
        let share = Share::Shared(SERVER.read().await);
        Some(Self::made(server, name, share, sql).await)
    }

    /// Nobody else dumps meanwhile.
    pub(crate) async fn alone(sql: &[&str]) -> Option<Self> {
        let server = server()?;
        let share = Share::Alone(SERVER.write().await);
        Some(Self::made(server, &unique("ripcord_mysql_test"), share, sql).await)
    }

    /// A second one.
    pub(crate) async fn beside(&self) -> Self {
        let name = unique("ripcord_mysql_test");
        Self::made(self.server.clone(), &name, Share::None, &[]).await
    }

    async fn made(server: String, name: &str, share: Share, sql: &[&str]) -> Self {
        let db = Self {
            server,
            name: name.to_owned(),
            _share: share,
        };
        let mut admin = db.admin().await;
        let quoted = db.quoted();
        admin
            .query_drop(format!(
                "CREATE DATABASE {quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
            ))
            .await
            .unwrap();
        admin.disconnect().await.unwrap();
        db.sql(sql).await;
        db
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn quoted(&self) -> String {
        format!("`{}`", self.name.replace('`', "``"))
    }

    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.server, percent(&self.name))
    }

    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        let opts = Opts::from_url(&self.server).unwrap();
        let (host, port) = (opts.ip_or_hostname(), opts.tcp_port());
        let (user, password) = (percent(user), percent(password));
        format!(
            "mysql://{user}:{password}@{host}:{port}/{}",
            percent(&self.name)
        )
    }

    pub(crate) fn source(&self) -> MysqlSource {
        self.source_with(MysqlOptions::default())
    }

    pub(crate) fn source_with(&self, options: MysqlOptions) -> MysqlSource {
        MysqlSource::new(&self.url(), options).unwrap()
    }

    pub(crate) async fn admin(&self) -> Conn {
        let opts = OptsBuilder::from_opts(Opts::from_url(&self.server).unwrap());
        Conn::new(opts.prefer_socket(false)).await.unwrap()
    }

    pub(crate) async fn client(&self) -> Conn {
        self.client_on(&self.name).await
    }

    pub(crate) async fn client_on(&self, database: &str) -> Conn {
        let opts = OptsBuilder::from_opts(Opts::from_url(&self.server).unwrap());
        Conn::new(opts.prefer_socket(false).db_name(Some(database)))
            .await
            .unwrap()
    }

    pub(crate) async fn sql(&self, sql: &[&str]) {
        let mut client = self.client().await;
        for sql in sql {
            if let Err(error) = client.query_drop(*sql).await {
                panic!("{sql}: {error}");
            }
        }
        client.disconnect().await.unwrap();
    }

    pub(crate) async fn ask<T: FromRow + Send + 'static>(&self, sql: &str) -> Vec<T> {
        let mut admin = self.admin().await;
        let rows = admin.query(sql).await.unwrap();
        admin.disconnect().await.unwrap();
        rows
    }

    /// A user with these rights on this database, and their name.
    pub(crate) async fn user(&self, password: &str, rights: &str) -> String {
        let user = unique("rc");
        let password = password.replace('\\', "\\\\").replace('\'', "''");
        let mut admin = self.admin().await;
        admin
            .query_drop(format!("CREATE USER {user}@'%' IDENTIFIED BY '{password}'"))
            .await
            .unwrap();
        admin
            .query_drop(format!(
                "GRANT {rights} ON {}.* TO {user}@'%'",
                self.quoted()
            ))
            .await
            .unwrap();
        admin
            .query_drop(format!(
                "GRANT ALL ON `ripcord\\_scratch\\_%`.* TO {user}@'%'"
            ))
            .await
            .unwrap();
        admin.disconnect().await.unwrap();
        user
    }

    /// Databases whose mark names this.
    pub(crate) async fn marked(&self, with: &str) -> Vec<String> {
        self.ask(&format!(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE LOCATE('{with}', SCHEMA_COMMENT) > 0"
        ))
        .await
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let (server, quoted) = (self.server.clone(), self.quoted());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let opts = OptsBuilder::from_opts(Opts::from_url(&server).unwrap());
                let mut admin = Conn::new(opts.prefer_socket(false)).await.unwrap();
                let sql = format!("DROP DATABASE IF EXISTS {quoted}");
                admin.query_drop(sql).await.unwrap();
                admin.disconnect().await.unwrap();
            });
        });
        drop(dropped.join());
    }
}
