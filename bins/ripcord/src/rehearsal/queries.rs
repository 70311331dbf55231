use std::path::Path;

use anyhow::{Context as _, Result};
use ripcord_conninfo::Conninfo;
use tokio_postgres::Client;

/// The most that are read from the live server.
const MOST: i64 = 5000;

const STATEMENTS: &str = "
SELECT s.query FROM pg_stat_statements s
WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND s.query ~* '^\\s*(select|insert|update|delete|with|merge)\\M'
ORDER BY s.calls DESC LIMIT $1";

/// Queries of the old release: each is only prepared, never run.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    all: Vec<String>,
}

impl Queries {
    /// From a file of statements that end with `;` at the end of a line.
    pub(super) fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let script = ripcord_migration_guard::Script::parse(path, &text)
            .map_err(|e| anyhow::anyhow!("{}", crate::report::chain(&e)))?;
        Ok(Self {
            all: script
                .statements()
                .iter()
                .map(|statement| statement.text().to_owned())
                .collect(),
        })
    }

    /// What the live server has seen, if it keeps count.
    pub(super) async fn seen_by(live: &Conninfo) -> Result<Self> {
        let client = live
            .with_application_name(super::state::OWN)
            .session()
            .await?;
        // Without the extension there is nothing to know.
        let all = match client.query(STATEMENTS, &[&MOST]).await {
            Ok(rows) => rows.iter().map(|row| row.get(0)).collect(),
            Err(_) => Vec::new(),
        };
        Ok(Self { all })
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.all.extend(other.all);
        self.all.sort();
        self.all.dedup();
        self
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Those that the server accepts, as this role sees the tables.
    pub(super) async fn working(mut self, as_role: &Conninfo) -> Result<Self> {
        let client = as_role
            .with_application_name(super::state::OWN)
            .connect()
            .await?;
        let mut working = Vec::new();
        for query in self.all {
            if refusal(&client, &query).await.is_none() {
                working.push(query);
            }
        }
        self.all = working;
        Ok(self)
    }

    /// The first one that the server does not accept any more, and what it says.
    pub(super) async fn first_broken(
        &self,
        as_role: &Conninfo,
    ) -> Result<Option<(String, String)>> {
        let client = as_role
            .with_application_name(super::state::OWN)
            .connect()
            .await?;
        for query in &self.all {
            if let Some(said) = refusal(&client, query).await {
                return Ok(Some((shortened(query), said)));
            }
        }
        Ok(None)
    }
}

async fn refusal(client: &Client, query: &str) -> Option<String> {
    match client.prepare(query).await {
        Ok(_) => None,
        Err(error) => Some(match error.as_db_error() {
            Some(db) => db.message().replace('\n', " "),
            None => error.to_string(),
        }),
    }
}

fn shortened(query: &str) -> String {
    const LONGEST: usize = 80;
    let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
