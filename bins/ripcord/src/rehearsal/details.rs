use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use futures::{SinkExt as _, StreamExt as _};
use ripcord_backup::{Change, Difference};
use ripcord_conninfo::Conninfo;
use ripcord_rollback::evidence::LostData;
use tokio_postgres::Client;

use super::sql::ident;
use super::state::{OWN, State};

const COLUMNS: &str = "
SELECT a.attname::text,
       coalesce(a.attnum = ANY (array(SELECT unnest(i.indkey::int2[]) FROM pg_catalog.pg_index i
                                      WHERE i.indrelid = a.attrelid AND i.indisprimary)), false)
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum";

/// What of the content before is not there now, by table, column and number of rows. `base` leads to a fresh restore
/// of the backup, `scratch` to where the migrations have been.
pub(super) async fn lost(
    base: &Conninfo,
    scratch: &Conninfo,
    before: &State,
    now: &State,
    differences: &[Difference],
) -> Result<Vec<LostData>> {
    let base = base.with_application_name(OWN).connect().await?;
    let scratch = scratch.with_application_name(OWN).connect().await?;
    let mut lost = Vec::new();
    for (table, columns) in gone(before, now) {
        match columns {
            None => lost.push(LostData {
                rows: count(&base, &format!("SELECT count(*) FROM {table}")).await?,
                table,
                column: None,
            }),
            Some(columns) => {
                for column in columns {
                    let sql = format!("SELECT count({}) FROM {table}", ident(&column));
                    lost.push(LostData {
                        rows: count(&base, &sql).await?,
                        table: table.clone(),
                        column: Some(column),
                    });
                }
            }
        }
    }
    for difference in differences {
        let Some(table) = difference.object.strip_prefix("content of ") else {
            continue;
        };
        match difference.change {
            Change::Lost if !lost.iter().any(|l| l.table == table) => lost.push(LostData {
                table: table.to_owned(),
                column: None,
                rows: count(&base, &format!("SELECT count(*) FROM {table}")).await?,
            }),
            Change::Rows { .. } | Change::Content { .. } => {
                lost.extend(compared(&base, &scratch, table).await?);
            }
            _ => {}
        }
    }
    lost.retain(|l| l.rows != Some(0));
    Ok(lost)
}

/// Tables, and columns of tables that are there, which do not exist any more under any name.
fn gone(before: &State, now: &State) -> Vec<(String, Option<Vec<String>>)> {
    let names: BTreeSet<&str> = now.relations.iter().map(|(_, r)| r.name.as_str()).collect();
    let mut found = Vec::new();
    for (oid, relation) in before.relations.iter() {
        if !before.fingerprint.tables.contains_key(&relation.name) {
            continue;
        }
        let there = now.relations.get(oid);
        let there = there.or_else(|| {
            let same = |r: &super::relations::Relation| r.name == relation.name;
            now.relations.iter().map(|(_, r)| r).find(|r| same(r))
        });
        let Some(there) = there else {
            if !names.contains(relation.name.as_str()) {
                found.push((relation.name.clone(), None));
            }
            continue;
        };
        let columns: Vec<String> = relation
            .columns
            .iter()
            .filter(|(number, column)| {
                !there.columns.contains_key(number) && !there.columns.values().any(|c| c == *column)
            })
            .map(|(_, column)| column.clone())
            .collect();
        if !columns.is_empty() {
            found.push((relation.name.clone(), Some(columns)));
        }
    }
    found
}

/// Two versions of one table, row by row.
async fn compared(base: &Client, scratch: &Client, table: &str) -> Result<Vec<LostData>> {
    let columns: Vec<(String, bool)> = base
        .query(COLUMNS, &[&table])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let there: BTreeSet<String> = scratch
        .query(COLUMNS, &[&table])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let shared: Vec<&(String, bool)> = columns.iter().filter(|(c, _)| there.contains(c)).collect();
    if shared.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = shared.iter().map(|(c, _)| ident(c)).collect();
    let names = names.join(", ");
    let texts: Vec<String> = shared
        .iter()
        .map(|(c, _)| format!("{} text", ident(c)))
        .collect();
    base.batch_execute(&format!(
        "DROP TABLE IF EXISTS pg_temp.ripcord_now; CREATE TEMP TABLE ripcord_now ({})",
        texts.join(", ")
    ))
    .await?;
    // As texts: what COPY itself writes is another spelling for some types.
    let spelled: Vec<String> = shared
        .iter()
        .map(|(c, _)| format!("{}::text", ident(c)))
        .collect();
    let from = format!(
        "COPY (SELECT {} FROM {table}) TO STDOUT",
        spelled.join(", ")
    );
    let mut rows = Box::pin(scratch.copy_out(&from).await?);
    let into = format!("COPY pg_temp.ripcord_now ({names}) FROM STDIN");
    let mut sink = Box::pin(base.copy_in::<_, bytes::Bytes>(&into).await?);
    while let Some(piece) = rows.next().await {
        sink.send(piece?).await?;
    }
    sink.as_mut().finish().await?;
    let key: Vec<&String> = shared
        .iter()
        .filter(|(_, key)| *key)
        .map(|(c, _)| c)
        .collect();
    let mut lost = Vec::new();
    if key.is_empty() {
        let sql = format!(
            "SELECT count(*) FROM (SELECT {} FROM {table} EXCEPT ALL SELECT * FROM pg_temp.ripcord_now) AS gone",
            spelled.join(", ")
        );
        lost.push(LostData {
            table: table.to_owned(),
            column: None,
            rows: count(base, &sql).await?,
        });
        return Ok(lost);
    }
    base.batch_execute("ANALYZE pg_temp.ripcord_now").await?;
    let same: Vec<String> = key
        .iter()
        .map(|c| format!("b.{0}::text = n.{0}", ident(c)))
        .collect();
    let same = same.join(" AND ");
    let sql = format!(
        "SELECT count(*) FROM {table} b WHERE NOT EXISTS (SELECT FROM pg_temp.ripcord_now n WHERE {same})"
    );
    lost.push(LostData {
        table: table.to_owned(),
        column: None,
        rows: count(base, &sql).await?,
    });
    for (column, _) in shared.iter().filter(|(_, key)| !key) {
        let sql = format!(
            "SELECT count(*) FROM {table} b JOIN pg_temp.ripcord_now n ON {same} \
             WHERE b.{0}::text IS DISTINCT FROM n.{0}",
            ident(column)
        );
        lost.push(LostData {
            table: table.to_owned(),
            column: Some(column.clone()),
            rows: count(base, &sql).await?,
        });
    }
    Ok(lost)
}

async fn count(client: &Client, sql: &str) -> Result<Option<u64>> {
    let row = client
        .query_one(sql, &[])
        .await
        .context("cannot count what is lost")?;
    Ok(u64::try_from(row.get::<_, i64>(0)).ok())
}
