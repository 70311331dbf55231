//! Sequences: where they stand, and where they have to stand.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::session::refused;
use super::source::PostgresSource;
use crate::{Error, SequenceState};

/// Columns per statement: fewer round trips.
const AT_ONCE: usize = 50;

const SEQUENCES: &str = include_str!("sql/sequences.sql");
const FEEDS: &str = include_str!("sql/feeds.sql");

impl PostgresSource {
    pub(super) async fn sequences(
        &self,
        client: &Client,
    ) -> Result<BTreeMap<String, SequenceState>, Error> {
        let rows = client
            .query(SEQUENCES, &[&self.options.ignored_schemas])
            .await
            .map_err(|source| refused("read the sequences of", "the database", source))?;
        Ok(rows
            .iter()
            .map(|row| {
                let state = SequenceState {
                    last: row.get(1),
                    increment: row.get(2),
                    needed: None,
                };
                (row.get(0), state)
            })
            .collect())
    }

    /// The furthest value in the columns that each sequence feeds.
    pub(super) async fn add_needed(
        &self,
        client: &Client,
        sequences: &mut BTreeMap<String, SequenceState>,
    ) -> Result<(), Error> {
        let failed = |source| refused("read the sequences of", "the database", source);
        let feeds = client
            .query(FEEDS, &[&self.options.ignored_schemas])
            .await
            .map_err(failed)?;
        for chunk in feeds.chunks(AT_ONCE) {
            let parts: Vec<String> = chunk
                .iter()
                .enumerate()
                .map(|(index, row)| {
                    let (table, column): (&str, &str) = (row.get(1), row.get(2));
                    let furthest = if row.get::<_, i64>(3) < 0 {
                        "min"
                    } else {
                        "max"
                    };
                    format!("SELECT {index}::int4, {furthest}({column})::int8 FROM {table}")
                })
                .collect();
            let rows = client
                .query(&parts.join(" UNION ALL "), &[])
                .await
                .map_err(failed)?;
            for row in rows {
                let index = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
                let (Some(feed), Some(value)) = (chunk.get(index), row.get::<_, Option<i64>>(1))
                else {
                    continue;
                };
                if let Some(state) = sequences.get_mut(feed.get::<_, &str>(0)) {
                    state.needed = Some(match state.needed {
                        Some(known) if state.increment < 0 => known.min(value),
                        Some(known) => known.max(value),
                        None => value,
                    });
                }
            }
        }
        Ok(())
    }
}
