use std::io::Cursor;

use crate::{Destination, Error, ErrorKind, Source};

/// What every source has to keep, checked on a live one whose database nobody writes to
/// meanwhile. Databases named `ripcord_scratch_<…>` are made and dropped.
///
/// # Errors
/// Whatever the source reports; `Conflict`, with what was expected, when it breaks a promise.
pub async fn conformance(source: &dyn Source) -> Result<(), Error> {
    let broken = |what: &str| {
        Err(Error::new(
            "keep a promise of",
            "Source",
            ErrorKind::Conflict,
            what,
        ))
    };
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await?;
    if !snapshot
        .fingerprint
        .diff(&source.fingerprint().await?)
        .is_empty()
    {
        return broken("a dump's fingerprint is that of the live database");
    }
    if source.inspect(&mut Cursor::new(&archive)).await? == 0
        && !snapshot.fingerprint.schema.is_empty()
    {
        return broken("an archive's contents can be counted");
    }
    match source.inspect(&mut Cursor::new(b"not an archive")).await {
        Err(error) if error.kind() == ErrorKind::Corrupt => {}
        _ => return broken("what is not an archive is corrupt"),
    }

    let database = format!("ripcord_scratch_{:016x}", rand::random::<u64>());
    let into = Destination::new(&database, "ripcord: scratch copy of nothing");
    let checked = restored(source, &archive, &into, &snapshot.fingerprint).await;
    source.discard(&database).await?;
    checked?;
    if source.discard(&database).await.is_err() {
        return broken("dropping what is not there is fine");
    }
    if source.find(&database).await?.is_some() {
        return broken("a dropped database is not there");
    }
    match source.fingerprint_of(&database).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        _ => broken("a dropped database is not found"),
    }
}

async fn restored(
    source: &dyn Source,
    archive: &[u8],
    into: &Destination,
    expected: &crate::Fingerprint,
) -> Result<(), Error> {
    let broken = |what: &str| {
        Err(Error::new(
            "keep a promise of",
            "Source",
            ErrorKind::Conflict,
            what,
        ))
    };
    // Twice: the second time it is a leftover of its own purpose.
    let mut identities = Vec::new();
    for _ in 0..2 {
        source.restore(&mut Cursor::new(archive), into).await?;
        match source.find(&into.database).await? {
            Some(found) if found.serves(&into.purpose) => identities.push(found.identity),
            _ => return broken("a restored database is found by its purpose"),
        }
    }
    if identities.first() == identities.last() {
        return broken("a database that is made anew is another one");
    }
    let differences = expected.diff(&source.fingerprint_of(&into.database).await?);
    if let Some(first) = differences.first() {
        return broken(&format!("a restore brings everything back: {first}"));
    }
    let other = Destination::new(&into.database, "ripcord: scratch copy of something else");
    match source.restore(&mut Cursor::new(archive), &other).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        _ => return broken("a database that serves another purpose is not overwritten"),
    }
    source.mark(&into.database, &other.purpose).await?;
    match source.find(&into.database).await? {
        Some(found) if found.serves(&other.purpose) => Ok(()),
        _ => broken("a mark is found"),
    }
}
