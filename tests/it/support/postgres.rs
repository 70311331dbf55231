use std::sync::atomic::{AtomicU32, Ordering};

use ripcord_conninfo::{Conninfo, Nothing};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, SimpleQueryMessage};

/// The URL of the throwaway server, or `None` with the reason printed.
#[expect(
    clippy::disallowed_methods,
    reason = "tests find out at run time what is there"
)]
fn postgres_url() -> Option<String> {
    if let Ok(url) = std::env::var("RIPCORD_TEST_POSTGRES_URL") {
        return Some(url);
    }
    let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
    assert!(!required, "RIPCORD_TEST_POSTGRES_URL is required");
    eprintln!("SKIPPED: RIPCORD_TEST_POSTGRES_URL is not set");
    None
}

/// A database of the test's own, dropped with everything that was made of it.
#[derive(Debug)]
pub(crate) struct Pg {
    runtime: Runtime,
    admin: String,
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Pg {
    pub(crate) fn new() -> Option<Self> {
        Some(Self::at(postgres_url()?, ""))
    }

    /// On the server of this URL, which ends in `/postgres`, with these options of `CREATE DATABASE`.
    pub(crate) fn at(admin: String, options: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        // The last letter keeps one test's name from being the beginning of another's.
        let name = format!("ripcord_it_{}_{next}x", std::process::id());
        let base = admin
            .strip_suffix("/postgres")
            .expect("the URL ends in /postgres");
        let pg = Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            url: format!("{base}/{name}"),
            name,
            admin,
        };
        pg.admin(&format!(
            "CREATE DATABASE {} TEMPLATE template0 {options}",
            pg.name
        ));
        pg
    }

    pub(crate) fn connect(&self, url: &str) -> Client {
        let conninfo = Conninfo::parse(url, &Nothing).unwrap();
        self.runtime.block_on(conninfo.connect()).unwrap()
    }

    pub(crate) fn on(&self, client: &Client, sql: &str) -> Vec<String> {
        let answer = self
            .runtime
            .block_on(client.simple_query(sql))
            .unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()));
        answer
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
                _ => None,
            })
            .collect()
    }

    /// The first column of every row, asked in the test's database.
    pub(crate) fn sql(&self, sql: &str) -> Vec<String> {
        self.on(&self.connect(&self.url), sql)
    }

    /// The same in the database `postgres`.
    pub(crate) fn admin(&self, sql: &str) -> Vec<String> {
        self.on(&self.connect(&self.admin), sql)
    }

    /// Databases that were made of this one: copies, restored ones, ones that were kept.
    pub(crate) fn family(&self) -> Vec<String> {
        self.admin(&format!(
            "SELECT datname FROM pg_database WHERE datname LIKE '{}%' ORDER BY 1",
            self.name
        ))
    }

    /// Sessions of `ripcord` on this database or one made of it.
    pub(crate) fn sessions(&self) -> Vec<String> {
        self.admin(&format!(
            "SELECT application_name || ': ' || left(query, 60) FROM pg_stat_activity
             WHERE application_name LIKE 'ripcord%' AND datname LIKE '{}%'",
            self.name
        ))
    }
}

impl Drop for Pg {
    fn drop(&mut self) {
        for name in self.family() {
            self.admin(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
        }
    }
}
