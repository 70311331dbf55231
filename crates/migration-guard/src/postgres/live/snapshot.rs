//! Reads a [`Snapshot`] from the catalogue.

use ripcord_conninfo::Conninfo;

use crate::live::catalogue::{self, Catalogue};
use crate::live::duration;
use crate::live::reader::Reader;
use crate::live::{LiveOptions, Unknown};
use crate::{Error, ErrorKind, Snapshot};

/// The shape of the database, and how fast its largest table is read. What could not be found out
/// and is not needed to judge statements comes beside it.
///
/// # Errors
/// [`Connection`](ErrorKind::Connection), [`Refused`](ErrorKind::Refused), or
/// [`Database`](ErrorKind::Database) if the catalogue cannot be read within the deadline.
pub async fn snapshot(
    conninfo: &Conninfo,
    options: &LiveOptions,
) -> Result<(Snapshot, Vec<Unknown>), Error> {
    let reader = Reader::open(conninfo, options).await?;
    let Catalogue {
        mut snapshot,
        mut unknown,
        ..
    } = read(&reader, conninfo).await?;
    match duration::measure_largest(&reader, &snapshot, options).await {
        Ok(speed) => snapshot.scan_bytes_per_second = speed,
        Err(unmeasured) => unknown.push(unmeasured),
    }
    Ok((snapshot, unknown))
}

pub(super) async fn read(reader: &Reader, conninfo: &Conninfo) -> Result<Catalogue, Error> {
    catalogue::read(reader).await.map_err(|refusal| {
        Error::new(
            ErrorKind::Database,
            "read the catalogue of",
            conninfo.to_string(),
        )
        .because(refusal.why)
    })
}
