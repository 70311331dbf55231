//! The lease's rows. The store's clock is the boot-time clock with the boot's identity.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::sqlite::Trouble;
use super::{Acquired, Holder, Lease, Owner};
use crate::process;

struct Row {
    epoch: u64,
    owner: Option<Owner>,
    boot: String,
    beat_ms: i64,
    ttl_ms: i64,
}

fn read(c: &Connection) -> Result<Row, Trouble> {
    let (epoch, owner, boot, beat_ms, ttl_ms) = c.query_row(
        "SELECT epoch, owner, boot, beat_ms, ttl_ms FROM lease WHERE id = 1",
        [],
        |r| {
            Ok((
                r.get(0)?,
                r.get::<_, Option<String>>(1)?,
                r.get(2)?,
                r.get(3)?,
                r.get(4)?,
            ))
        },
    )?;
    let owner = owner.map(|text| serde_json::from_str(&text)).transpose()?;
    Ok(Row {
        epoch,
        owner,
        boot,
        beat_ms,
        ttl_ms,
    })
}

/// The holder, if it is alive and not expired.
fn living(row: &Row) -> Option<Holder> {
    let owner = row.owner.clone()?;
    let boot = process::boot_id();
    let age = process::boot_millis().saturating_sub(row.beat_ms);
    // Another boot of this machine: its clock says nothing any more, and none of its processes lives.
    if row.boot != boot || age > row.ttl_ms {
        return None;
    }
    if owner.is_near() && !process::is_alive(owner.pid, owner.started) {
        return None;
    }
    Some(Holder {
        owner,
        epoch: row.epoch,
        since_heartbeat: Duration::from_millis(u64::try_from(age).unwrap_or_default()),
    })
}

pub(super) fn acquire(
    c: &mut Connection,
    owner: &Owner,
    ttl: Duration,
) -> Result<Acquired, Trouble> {
    let tx = immediate(c)?;
    let row = read(&tx)?;
    if let Some(holder) = living(&row) {
        return Ok(Acquired::Held(holder));
    }
    let epoch = row.epoch + 1;
    tx.execute(
        "UPDATE lease SET epoch = ?1, owner = ?2, boot = ?3, beat_ms = ?4, ttl_ms = ?5 WHERE id = 1",
        params![
            epoch,
            serde_json::to_string(owner)?,
            process::boot_id(),
            process::boot_millis(),
            i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
        ],
    )?;
    tx.commit()?;
    Ok(Acquired::Granted(Lease {
        epoch,
        replaced: row.owner,
    }))
}

pub(super) fn renew(c: &mut Connection, epoch: u64) -> Result<(), Trouble> {
    let tx = immediate(c)?;
    let changed = tx.execute(
        "UPDATE lease SET beat_ms = ?1, boot = ?2 WHERE id = 1 AND epoch = ?3 AND owner IS NOT NULL",
        params![process::boot_millis(), process::boot_id(), epoch],
    )?;
    if changed == 0 {
        return Err(Trouble::Fenced);
    }
    tx.commit()?;
    Ok(())
}

/// Whether it was ours to give back.
pub(super) fn release(c: &mut Connection, epoch: u64) -> Result<bool, Trouble> {
    let tx = immediate(c)?;
    let ours = tx.execute(
        "UPDATE lease SET owner = NULL WHERE id = 1 AND epoch = ?1",
        [epoch],
    )?;
    tx.commit()?;
    Ok(ours > 0)
}

pub(super) fn holder(c: &mut Connection) -> Result<Option<Holder>, Trouble> {
    Ok(living(&read(c)?))
}

fn immediate(c: &mut Connection) -> Result<Transaction<'_>, Trouble> {
    Ok(c.transaction_with_behavior(TransactionBehavior::Immediate)?)
}
