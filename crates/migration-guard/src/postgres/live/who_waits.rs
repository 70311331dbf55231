//! Which statements would stand behind a migration's lock, as `pg_stat_statements` has counted them.

use std::collections::BTreeMap;

use crate::lint::LockMode;
use crate::live::Unknown;
use crate::live::catalogue::Catalogue;
use crate::live::doing::{Token, keyword, masked, tokens};
use crate::live::question::{ident, relation};
use crate::live::reader::Reader;
use crate::live::touch::Touched;

/// A statement of the application that would wait for a migration.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Waiting {
    /// The table that the migration locks, as SQL writes it.
    pub table: String,
    /// The strongest lock that it takes.
    pub lock: LockMode,
    /// The statement without any value, shortened.
    pub query: String,
    /// How often it ran, on average since the statistics began; `None` before version 14, which does
    /// not tell when that was.
    pub calls_per_minute: Option<f64>,
    /// How often it ran in all.
    pub calls: i64,
}

/// So many statements are told for each table.
const MOST: usize = 5;

pub(super) async fn waiting(
    reader: &Reader,
    catalogue: &Catalogue,
    touched: &Touched,
) -> Result<Vec<Waiting>, Unknown> {
    let unknown = |why: String| Unknown::new("whose queries would wait", why);
    let mut locks: BTreeMap<usize, LockMode> = BTreeMap::new();
    for touch in touched.touches.iter().filter(|t| t.lock.blocks_writes()) {
        let strongest = locks.entry(touch.at).or_insert(touch.lock);
        *strongest = (*strongest).max(touch.lock);
    }
    if locks.is_empty() {
        return Ok(Vec::new());
    }
    let schema = reader
        .rows(
            "SELECT n.nspname::text FROM pg_catalog.pg_extension e
             JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
             WHERE e.extname = 'pg_stat_statements'",
            &[],
        )
        .await
        .map_err(|refusal| unknown(refusal.why))?;
    let Some(schema) = schema.first().map(|row| ident(row.get(0))) else {
        return Err(unknown(
            "pg_stat_statements is not installed here; CREATE EXTENSION pg_stat_statements, \
             and shared_preload_libraries"
                .to_owned(),
        ));
    };
    let minutes = if reader.version >= 140_000 {
        format!(
            "(SELECT extract(epoch FROM pg_catalog.now() - stats_reset)::float8 / 60
              FROM {schema}.pg_stat_statements_info)"
        )
    } else {
        "NULL::float8".to_owned()
    };
    let rows = reader
        .rows(
            &format!(
                "SELECT s.query, sum(s.calls)::bigint, {minutes}
                 FROM {schema}.pg_stat_statements s
                 JOIN pg_catalog.pg_database d ON d.oid = s.dbid
                 WHERE d.datname = pg_catalog.current_database() AND s.query IS NOT NULL
                 GROUP BY s.query ORDER BY 2 DESC, 1 LIMIT 5000"
            ),
            &[],
        )
        .await
        .map_err(|refusal| unknown(refusal.why))?;
    if rows
        .iter()
        .any(|row| row.get::<_, &str>(0) == "<insufficient privilege>")
    {
        return Err(unknown(
            "queries of other roles may not be seen; GRANT pg_read_all_stats TO this role"
                .to_owned(),
        ));
    }
    let mut found = Vec::new();
    for (at, lock) in locks {
        let Some(table) = catalogue.snapshot.tables.get(at) else {
            continue;
        };
        let waits = rows
            .iter()
            .filter(|row| stands_behind(row.get(0), &table.name, lock));
        found.extend(waits.take(MOST).map(|row| {
            let calls: i64 = row.get(1);
            let minutes: Option<f64> = row.get(2);
            Waiting {
                table: relation(table),
                lock,
                query: masked(row.get(0), 160),
                calls_per_minute: minutes.map(|m| calls as f64 / m.max(1.0 / 60.0)),
                calls,
            }
        }));
    }
    Ok(found)
}

/// Whether a statement names the table and needs a lock that `lock` does not allow.
fn stands_behind(query: &str, table: &str, lock: LockMode) -> bool {
    let tokens = tokens(query);
    let waits = match keyword(&tokens).as_deref() {
        Some("INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY") => true,
        Some("WITH") => lock.blocks_reads() || writes(&tokens),
        Some("SELECT" | "TABLE") => lock.blocks_reads(),
        _ => false,
    };
    waits
        && tokens.iter().any(|token| match token {
            Token::Word(word) => word.to_lowercase() == table,
            Token::Quoted(name) => name == table,
            _ => false,
        })
}

fn writes(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| {
        matches!(token, Token::Word(word)
            if ["insert", "update", "delete", "merge"].iter().any(|w| word.eq_ignore_ascii_case(w)))
    })
}
