//! The writing part of a put-back.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::super::session::refused;
use super::drift::Target;
use super::family::groups;
use super::put_back::{ConstraintChecks, OnConflict, PutBack, PutBackOptions};
use super::sequences::move_on;
use super::statements::{Statements, verdict};
use crate::{Error, ErrorKind};

/// For the writing triggers and functions find what they find otherwise.
const AS_USUAL: &str = "
SELECT pg_catalog.set_config(name, reset_val, true) FROM pg_catalog.pg_settings
WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output',
               'xmlbinary', 'lc_monetary', 'standard_conforming_strings', 'search_path')";

/// Does what the verdicts say, in the transaction of `client`.
pub(super) async fn write(
    client: &Client,
    targets: &[Target],
    options: PutBackOptions,
    done: &mut PutBack,
) -> Result<(), Error> {
    let failed = |source| refused_by("put back", "the export", source);
    client.query(AS_USUAL, &[]).await.map_err(failed)?;
    if options.constraints == ConstraintChecks::Deferred {
        client
            .batch_execute("SET CONSTRAINTS ALL DEFERRED")
            .await
            .map_err(failed)?;
    }
    let overwritten: &[&str] = match options.on_conflict {
        OnConflict::Overwrite => &[verdict::FILL, verdict::CONFLICT],
        OnConflict::Fail | OnConflict::Keep => &[verdict::FILL],
    };
    for group in groups(client, targets).await? {
        insert(client, targets, &group, done).await?;
    }
    for (number, target) in targets.iter().enumerate() {
        update(client, number, target, overwritten, done).await?;
    }
    client
        .batch_execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL search_path TO pg_catalog")
        .await
        .map_err(failed)?;
    let mut written = overwritten.to_vec();
    written.push(verdict::INSERT);
    for (number, target) in targets.iter().enumerate() {
        if !has_written(target, done) {
            continue;
        }
        note_altered(client, number, target, &written, done).await?;
        move_on(client, target).await?;
    }
    Ok(())
}

fn has_written(target: &Target, done: &PutBack) -> bool {
    let counts = done.tables.get(&target.live.name);
    counts.is_some_and(|counts| counts.inserted + counts.updated > 0)
}

/// Fills these tables by one statement.
async fn insert(
    client: &Client,
    targets: &[Target],
    group: &[usize],
    done: &mut PutBack,
) -> Result<(), Error> {
    let planned = |number: &usize| {
        let counts = targets.get(*number).map(|t| done.tables.get(&t.live.name));
        counts.flatten().map_or(0, |counts| counts.inserted)
    };
    let group: Vec<usize> = group.iter().copied().filter(|n| planned(n) > 0).collect();
    let (mut parts, mut counted, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (number, target) in targets.iter().enumerate() {
        if group.contains(&number) {
            let insert = Statements::new(number, target).insert();
            parts.push(format!("inserted_{number} AS ({insert})"));
            counted.push(format!("(SELECT count(*) FROM inserted_{number})"));
            names.push(target.live.name.as_str());
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    let sql = format!("WITH {} SELECT {}", parts.join(", "), counted.join(", "));
    let row = client
        .query_one(&sql, &[])
        .await
        .map_err(|source| refused_by("insert rows into", &names.join(", "), source))?;
    for (index, name) in names.into_iter().enumerate() {
        let inserted = u64::try_from(row.get::<_, i64>(index)).unwrap_or(0);
        let Some(counts) = done.tables.get_mut(name) else {
            continue;
        };
        if inserted < counts.inserted {
            let less = counts.inserted - inserted;
            done.notes
                .push(format!("{name}: a trigger kept {less} rows out"));
            counts.inserted = inserted;
            counts.skipped += less;
        }
    }
    Ok(())
}

async fn update(
    client: &Client,
    number: usize,
    target: &Target,
    verdicts: &[&str],
    done: &mut PutBack,
) -> Result<(), Error> {
    let name = &target.live.name;
    let Some(counts) = done.tables.get_mut(name) else {
        return Ok(());
    };
    let Some(sql) = Statements::new(number, target).update(verdicts) else {
        return Ok(());
    };
    if counts.updated == 0 {
        return Ok(());
    }
    let updated = client
        .execute(&sql, &[])
        .await
        .map_err(|source| refused_by("update rows of", name, source))?;
    if updated < counts.updated {
        let less = counts.updated - updated;
        done.notes
            .push(format!("{name}: a trigger kept {less} rows as they were"));
        counts.updated = updated;
        counts.skipped += less;
    }
    Ok(())
}

/// What was written must be there, unless a trigger did otherwise.
async fn note_altered(
    client: &Client,
    number: usize,
    target: &Target,
    verdicts: &[&str],
    done: &mut PutBack,
) -> Result<(), Error> {
    let name = &target.live.name;
    let Some(sql) = Statements::new(number, target).altered(verdicts) else {
        return Ok(());
    };
    let row = client
        .query_one(&sql, &[])
        .await
        .map_err(|source| refused("compare the rows of", name, source))?;
    let altered: i64 = row.get(0);
    if altered > 0 {
        done.notes.push(format!(
            "{name}: {altered} rows are not there as they were exported, which is a trigger's doing"
        ));
    }
    Ok(())
}

/// As [`refused`]; what a constraint says about a row is part of it.
fn refused_by(operation: &'static str, subject: &str, source: tokio_postgres::Error) -> Error {
    let Some(db) = source.as_db_error() else {
        return refused(operation, subject, source);
    };
    // Class 23: a constraint was violated.
    if !db.code().code().starts_with("23") {
        return refused(operation, subject, source);
    }
    let mut detail = db.message().to_owned();
    if let Some(more) = db.detail() {
        detail.push_str(&format!(": {}", more.trim_end_matches('.')));
    }
    let help = (*db.code() == SqlState::FOREIGN_KEY_VIOLATION).then_some(
        "rows that are referred to have to be there: export their table too, put it back first, \
         or have constraints that allow it checked at the end",
    );
    let error = Error::new(operation, subject, ErrorKind::Conflict, detail).with_source(source);
    match help {
        Some(help) => error.with_help(help),
        None => error,
    }
}
