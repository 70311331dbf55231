//! Whether a statement took effect, as the catalogue shows it.

use tokio_postgres::Client;

use crate::StatementState;
use crate::sql::Statement;
use crate::sql::model::{AlterType, CreateIndex, Kind, Name, Object, TableAction, quoted};

pub(crate) async fn probe(
    client: &Client,
    statement: &Statement,
) -> Result<StatementState, tokio_postgres::Error> {
    use StatementState as S;
    match &statement.kind {
        Kind::CreateIndex(it) => match index_of(it) {
            Some(index) => index_state(client, &index).await,
            None => Ok(S::Unknown),
        },
        Kind::CreateDatabase => match database_name(statement.text()) {
            Some(name) => database_state(client, &name).await,
            None => Ok(S::Unknown),
        },
        Kind::Drop(it) if it.object == Object::Database && it.names.len() == 1 => {
            Ok(opposite(database_state(client, &it.names[0].name).await?))
        }
        Kind::Reindex { .. } => Ok(match reindex_rests(client, &statement.kind).await?.len() {
            0 => S::NoEffect,
            _ => S::Broken,
        }),
        Kind::Drop(it) if it.object == Object::Index && it.names.len() == 1 => {
            Ok(opposite(index_state(client, &it.names[0]).await?))
        }
        Kind::CreateTable(it) => relation(client, &it.table).await.map(done_if),
        Kind::Drop(it) if it.object == Object::Table && it.names.len() == 1 => {
            Ok(done_if(!relation(client, &it.names[0]).await?))
        }
        Kind::AlterTable(it) => {
            let mut states = Vec::new();
            for action in &it.actions {
                states.push(action_state(client, &it.table, action).await?);
            }
            // One ALTER TABLE is atomic: what shows one action shows them all.
            let known = states.iter().find(|s| **s != S::Unknown);
            Ok(known.copied().unwrap_or(S::Unknown))
        }
        Kind::AlterType {
            name,
            action: AlterType::AddValue { value, .. },
        } => {
            let row = client
                .query_one(
                    "SELECT EXISTS (SELECT FROM pg_catalog.pg_enum
                     WHERE enumtypid = pg_catalog.to_regtype($1) AND enumlabel = $2)",
                    &[&name.to_string(), value],
                )
                .await?;
            Ok(done_if(row.get(0)))
        }
        Kind::Begin
        | Kind::Commit
        | Kind::Rollback
        | Kind::Savepoint
        | Kind::SavepointEnd
        | Kind::RollbackTo
        | Kind::Set { .. }
        | Kind::Reset { .. }
        | Kind::Harmless
        | Kind::Analyze { .. }
        | Kind::Vacuum { .. }
        | Kind::Cluster { .. }
        | Kind::RefreshView { .. }
        | Kind::Comment { .. } => Ok(S::NoEffect),
        _ => Ok(S::Unknown),
    }
}

/// SQL that removes the rests of a statement that broke off, where they serve nobody.
pub(super) async fn rests(
    client: &Client,
    statement: &Statement,
) -> Result<Vec<String>, tokio_postgres::Error> {
    match &statement.kind {
        Kind::CreateIndex(it) => Ok(index_of(it).iter().map(drop_index).collect()),
        kind @ Kind::Reindex { .. } => reindex_rests(client, kind).await,
        _ => Ok(Vec::new()),
    }
}

/// SQL that goes on with a statement that broke off and cannot be undone.
pub(super) fn rest_of_the_way(statement: &Statement) -> Option<String> {
    match &statement.kind {
        Kind::Drop(it) if it.object == Object::Index => it.names.first().map(drop_index),
        Kind::Drop(it) if it.object == Object::Database => {
            let name = quoted(&it.names.first()?.name);
            Some(format!("DROP DATABASE IF EXISTS {name}"))
        }
        Kind::AlterTable(it) => it.actions.iter().find_map(|action| match action {
            TableAction::DetachPartition { partition, .. } => Some(format!(
                "ALTER TABLE {} DETACH PARTITION {partition} FINALIZE",
                it.table
            )),
            _ => None,
        }),
        _ => None,
    }
}

/// The name in CREATE DATABASE, as the server stores it.
pub(super) fn database_name(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let mut is = |word: &str| words.next().is_some_and(|w| w.eq_ignore_ascii_case(word));
    if !(is("create") && is("database")) {
        return None;
    }
    let word = words.next()?.trim_end_matches(';');
    match word.strip_prefix('"') {
        Some(rest) => {
            // A name with a space or a quote in it is left to people.
            let name = rest.strip_suffix('"')?;
            (!name.contains('"')).then(|| name.to_owned())
        }
        None => {
            let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            word.chars().all(plain).then(|| word.to_lowercase())
        }
    }
}

fn drop_index(index: &Name) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")
}

fn index_of(it: &CreateIndex) -> Option<Name> {
    Some(Name {
        schema: it.table.schema.clone(),
        name: it.name.clone()?,
    })
}

/// The state of a drop, from the state of what it drops.
fn opposite(state: StatementState) -> StatementState {
    match state {
        StatementState::Done => StatementState::NotDone,
        StatementState::NotDone => StatementState::Done,
        other => other,
    }
}

async fn database_state(
    client: &Client,
    name: &str,
) -> Result<StatementState, tokio_postgres::Error> {
    // A drop that broke off leaves the limit -2, and nobody can connect.
    let row = client
        .query_opt(
            "SELECT datconnlimit <> -2 FROM pg_catalog.pg_database WHERE datname = $1",
            &[&name],
        )
        .await?;
    Ok(match row.map(|r| r.get::<_, bool>(0)) {
        None => StatementState::NotDone,
        Some(true) => StatementState::Done,
        Some(false) => StatementState::Broken,
    })
}

/// The indexes that REINDEX CONCURRENTLY makes beside the old ones, or sets aside, and drops at
/// its end.
async fn reindex_rests(client: &Client, kind: &Kind) -> Result<Vec<String>, tokio_postgres::Error> {
    let Kind::Reindex {
        concurrently: true,
        scope,
        name,
    } = kind
    else {
        return Ok(Vec::new());
    };
    let (scope, name) = match (scope.as_str(), name) {
        ("index" | "table", Some(name)) => (scope.as_str(), name.to_string()),
        _ => ("all", String::new()),
    };
    let rows = client
        .query(
            r"SELECT i.indexrelid::regclass::text
              FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
              WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)\d*$'
                AND ($1 = 'all' OR i.indrelid IN (
                    SELECT t.relid FROM (SELECT CASE $1
                        WHEN 'table' THEN pg_catalog.to_regclass($2)
                        ELSE (SELECT x.indrelid FROM pg_catalog.pg_index x
                              WHERE x.indexrelid = pg_catalog.to_regclass($2)) END AS root) r,
                    LATERAL (SELECT r.root AS relid
                             UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(r.root) p
                             UNION SELECT k.reltoastrelid FROM pg_catalog.pg_class k
                             WHERE k.oid = r.root) t))
              ORDER BY 1",
            &[&scope, &name],
        )
        .await?;
    let drop = |row: &tokio_postgres::Row| {
        let index: String = row.get(0);
        format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")
    };
    Ok(rows.iter().map(drop).collect())
}

fn done_if(yes: bool) -> StatementState {
    if yes {
        StatementState::Done
    } else {
        StatementState::NotDone
    }
}

async fn relation(client: &Client, name: &Name) -> Result<bool, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT pg_catalog.to_regclass($1) IS NOT NULL",
            &[&name.to_string()],
        )
        .await?;
    Ok(row.get(0))
}

async fn index_state(
    client: &Client,
    index: &Name,
) -> Result<StatementState, tokio_postgres::Error> {
    let row = client
        .query_opt(
            "SELECT indisvalid AND indisready AND indislive FROM pg_catalog.pg_index
             WHERE indexrelid = pg_catalog.to_regclass($1)",
            &[&index.to_string()],
        )
        .await?;
    Ok(match row.map(|r| r.get::<_, bool>(0)) {
        None => StatementState::NotDone,
        Some(true) => StatementState::Done,
        Some(false) => StatementState::Broken,
    })
}

async fn action_state(
    client: &Client,
    table: &Name,
    action: &TableAction,
) -> Result<StatementState, tokio_postgres::Error> {
    let table = table.to_string();
    match action {
        TableAction::AddColumn { column, .. } => {
            Ok(done_if(has_column(client, &table, &column.name).await?))
        }
        TableAction::DropColumn { column, .. } => {
            Ok(done_if(!has_column(client, &table, column).await?))
        }
        TableAction::AddConstraint(constraint) => match &constraint.name {
            Some(name) => {
                let found = constraint_validity(client, &table, name).await?;
                Ok(done_if(found.is_some()))
            }
            None => Ok(StatementState::Unknown),
        },
        TableAction::ValidateConstraint { name } => {
            let found = constraint_validity(client, &table, name).await?;
            Ok(done_if(found == Some(true)))
        }
        TableAction::DropConstraint { name, .. } => {
            let found = constraint_validity(client, &table, name).await?;
            Ok(done_if(found.is_none()))
        }
        TableAction::DetachPartition { partition, .. } => {
            Ok(opposite(attached(client, &table, partition).await?))
        }
        TableAction::AttachPartition { partition, .. } => attached(client, &table, partition).await,
        _ => Ok(StatementState::Unknown),
    }
}

/// Whether it is a partition; `Broken` when it is about to be none.
async fn attached(
    client: &Client,
    table: &str,
    partition: &Name,
) -> Result<StatementState, tokio_postgres::Error> {
    // Versions before 14 have no such column, and no such statement.
    let row = client
        .query_opt(
            "SELECT coalesce((to_jsonb(h) ->> 'inhdetachpending')::bool, false)
             FROM pg_catalog.pg_inherits h
             WHERE h.inhparent = pg_catalog.to_regclass($1)
               AND h.inhrelid = pg_catalog.to_regclass($2)",
            &[&table, &partition.to_string()],
        )
        .await?;
    Ok(match row.map(|r| r.get::<_, bool>(0)) {
        None => StatementState::NotDone,
        Some(false) => StatementState::Done,
        Some(true) => StatementState::Broken,
    })
}

async fn has_column(
    client: &Client,
    table: &str,
    column: &str,
) -> Result<bool, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute
             WHERE attrelid = pg_catalog.to_regclass($1) AND attname = $2 AND NOT attisdropped)",
            &[&table, &column],
        )
        .await?;
    Ok(row.get(0))
}

async fn constraint_validity(
    client: &Client,
    table: &str,
    name: &str,
) -> Result<Option<bool>, tokio_postgres::Error> {
    let row = client
        .query_opt(
            "SELECT convalidated FROM pg_catalog.pg_constraint
             WHERE conrelid = pg_catalog.to_regclass($1) AND conname = $2",
            &[&table, &name],
        )
        .await?;
    Ok(row.map(|r| r.get(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_database_is_read() {
        let name = |sql: &str| database_name(sql);
        assert_eq!(name("CREATE DATABASE Shop").as_deref(), Some("shop"));
        assert_eq!(
            name("create  database \"Shop\" OWNER a").as_deref(),
            Some("Shop")
        );
        assert_eq!(name("CREATE DATABASE \"a b\""), None);
        assert_eq!(name("CREATE /* one */ DATABASE a"), None);
    }
}
