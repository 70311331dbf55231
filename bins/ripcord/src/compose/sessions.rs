use std::time::Duration;

use ripcord_conninfo::Conninfo;
use ripcord_rollback::{Error, ErrorKind, Tag};
use tokio_postgres::Client;

/// Ends and awaits every session that an older epoch of these deployments left on the server. Returns how many.
pub(super) async fn end_older(
    conninfo: &Conninfo,
    deployments: &[String],
    now: &Tag,
    within: Duration,
) -> Result<u32, Error> {
    let place = conninfo.to_string();
    let fail = |e: tokio_postgres::Error| {
        Error::new("end older sessions on", place.clone(), ErrorKind::Database).with_source(e)
    };
    let client = conninfo
        .with_application_name(&now.to_string())
        .connect()
        .await
        .map_err(|e| {
            Error::new("connect to", place.clone(), ErrorKind::Unreachable).with_source(e)
        })?;
    let mut ended = 0;
    let deadline = tokio::time::Instant::now() + within;
    loop {
        let older = older(&client, deployments, now).await.map_err(fail)?;
        if older.is_empty() {
            return Ok(ended);
        }
        ended = ended.max(u32::try_from(older.len()).unwrap_or(u32::MAX));
        if tokio::time::Instant::now() >= deadline {
            return Err(Error::new("end older sessions on", place, ErrorKind::State)
                .because(format!("{} of them are still there", older.len())));
        }
        client
            .execute(
                "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid",
                &[&older],
            )
            .await
            .map_err(fail)?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether our user may create the scratch database that proves a backup.
pub(super) async fn may_create_databases(conninfo: &Conninfo) -> Result<bool, Error> {
    let place = conninfo.to_string();
    let client = conninfo
        .with_application_name("ripcord-plan")
        .connect()
        .await
        .map_err(|e| {
            Error::new("connect to", place.clone(), ErrorKind::Unreachable).with_source(e)
        })?;
    let row = client
        .query_one(
            "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user",
            &[],
        )
        .await
        .map_err(|e| {
            Error::new("read the rights of our user on", place, ErrorKind::Database).with_source(e)
        })?;
    Ok(row.get(0))
}

async fn older(
    client: &Client,
    deployments: &[String],
    now: &Tag,
) -> Result<Vec<i32>, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT pid, application_name FROM pg_stat_activity
             WHERE application_name LIKE 'ripcord:%' AND pid <> pg_backend_pid()",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .filter(|row| {
            Tag::parse(row.get(1))
                .is_some_and(|tag| tag.epoch < now.epoch && deployments.contains(&tag.deployment))
        })
        .map(|row| row.get(0))
        .collect())
}
