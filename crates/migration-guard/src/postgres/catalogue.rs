//! Whether a statement took effect, as the catalogue shows it.

use tokio_postgres::Client;

use crate::StatementState;
use crate::sql::model::{AlterType, Kind, Name, Object, TableAction};

pub(super) async fn probe(
    client: &Client,
    kind: &Kind,
) -> Result<StatementState, tokio_postgres::Error> {
    use StatementState as S;
    match kind {
        Kind::CreateIndex(it) => match &it.name {
            Some(name) => {
                let index = Name {
                    schema: it.table.schema.clone(),
                    name: name.clone(),
                };
                index_state(client, &index).await
            }
            None => Ok(S::Unknown),
        },
        Kind::Drop(it) if it.object == Object::Index && it.names.len() == 1 => {
            Ok(match index_state(client, &it.names[0]).await? {
                S::Done => S::NotDone,
                S::NotDone => S::Done,
                other => other,
            })
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
        | Kind::Comment { .. } => Ok(S::NoEffect),
        _ => Ok(S::Unknown),
    }
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
        _ => Ok(StatementState::Unknown),
    }
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
