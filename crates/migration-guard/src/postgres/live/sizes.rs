//! What the catalogue knows about the tables a migration touches.

use ripcord_conninfo::Conninfo;

use crate::postgres::RunOptions;
use crate::postgres::session::{Session, failed};
use crate::{Assessment, Error, LossKind, TableSize};

/// The size of each of `tables` (written as in SQL) that exists. Row counts are the planner's
/// estimates; nothing is scanned.
///
/// # Errors
/// [`Connection`](crate::ErrorKind::Connection), [`Refused`](crate::ErrorKind::Refused) or
/// [`Database`](crate::ErrorKind::Database).
pub async fn sizes(conninfo: &Conninfo, tables: &[String]) -> Result<Vec<TableSize>, Error> {
    let session = Session::open(conninfo, &RunOptions::default()).await?;
    sizes_in(&session, tables).await
}

async fn sizes_in(session: &Session, tables: &[String]) -> Result<Vec<TableSize>, Error> {
    let rows = session
        .client
        .query(
            "SELECT name,
                    (SELECT sum(pg_catalog.pg_total_relation_size(t.relid))
                     FROM (SELECT c.oid AS relid UNION
                           SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p) t)::bigint,
                    (SELECT CASE WHEN bool_or(l.reltuples < 0) THEN NULL ELSE sum(l.reltuples) END
                     FROM pg_catalog.pg_class l
                     WHERE l.oid = c.oid OR l.oid IN
                           (SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p
                            WHERE p.isleaf))::bigint
             FROM unnest($1::text[]) AS name
             JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(name)
             ORDER BY name",
            &[&tables],
        )
        .await
        .map_err(|e| failed("read the sizes of tables of", session.label(), &e))?;
    Ok(rows
        .iter()
        .map(|row| TableSize {
            table: row.get(0),
            bytes: row.get(1),
            rows: row.get(2),
        })
        .collect())
}

/// Adds to every finding the size of its table, and to every loss how many rows and bytes it
/// is, as the catalogue estimates them. What does not exist here stays without.
///
/// # Errors
/// As [`sizes`].
pub async fn annotate(conninfo: &Conninfo, assessment: &mut Assessment) -> Result<(), Error> {
    let session = Session::open(conninfo, &RunOptions::default()).await?;
    let sizes = sizes_in(&session, &assessment.tables()).await?;
    let size = |table: &str| sizes.iter().find(|s| s.table == table);
    for migration in &mut assessment.migrations {
        for finding in &mut migration.findings {
            finding.size = finding.table.as_deref().and_then(size).cloned();
        }
        let of_findings = migration
            .findings
            .iter_mut()
            .filter_map(|f| f.data_loss.as_mut());
        for loss in of_findings.chain(&mut migration.losses) {
            let Some(size) = size(&loss.table) else {
                continue;
            };
            match (loss.kind, &loss.column) {
                (LossKind::Table | LossKind::AllRows, _) => {
                    loss.rows = size.rows;
                    loss.bytes = Some(size.bytes);
                }
                (LossKind::Column | LossKind::Precision, Some(column)) => {
                    loss.rows = size.rows;
                    loss.bytes = match size.rows {
                        Some(rows) => column_bytes(&session, &loss.table, column, rows).await?,
                        None => None,
                    };
                }
                _ => {}
            }
        }
    }
    Ok(())
}

async fn column_bytes(
    session: &Session,
    table: &str,
    column: &str,
    rows: i64,
) -> Result<Option<i64>, Error> {
    let row = session
        .client
        .query_opt(
            "SELECT (s.avg_width * (1 - s.null_frac) * $3::bigint)::bigint
             FROM pg_catalog.pg_stats s
             JOIN pg_catalog.pg_class c ON c.relname = s.tablename
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname
             WHERE c.oid = pg_catalog.to_regclass($1) AND s.attname = $2 AND NOT s.inherited",
            &[&table, &column, &rows],
        )
        .await
        .map_err(|e| failed("read the statistics of", table, &e))?;
    Ok(row.map(|r| r.get(0)))
}
