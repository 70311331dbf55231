//! What a tar holds, entry by entry.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Gid, Mode, RawMode, Timespec, Timestamps, Uid};
use tar::Archive;

use super::facts::{MODE, shown};
use super::pipe::Stop;
use crate::{Error, ErrorKind};

const BLOCK: u64 = 512;

/// The length of what ends a tar. A reader does not ask for it.
const END: u64 = 2 * BLOCK;

pub(super) type Reading<'a, 'b> = tar::Entry<'a, Counted<'b>>;

/// Counts what is in an archive.
pub(super) fn count(from: &mut dyn Read, stop: &Stop) -> Result<u64, Error> {
    let mut count = 0;
    each(from, stop, |_| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

/// Visits everything, and fails when the end is missing.
pub(super) fn each(
    from: &mut dyn Read,
    stop: &Stop,
    mut visit: impl FnMut(&mut Reading<'_, '_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut archive = Archive::new(Counted {
        inner: from,
        bytes: 0,
    });
    let mut end = 0;
    for entry in archive.entries().map_err(corrupt)? {
        stop.check().map_err(corrupt)?;
        let mut entry = entry.map_err(corrupt)?;
        let length = entry.header().entry_size().map_err(corrupt)?;
        end = entry
            .raw_file_position()
            .saturating_add(length.saturating_add(BLOCK - 1) / BLOCK * BLOCK);
        visit(&mut entry)?;
    }
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(corrupt)?;
    if end == 0 || rest.bytes < end.saturating_add(END) {
        return Err(corrupt("it ends too early"));
    }
    Ok(())
}

/// What is kept of everything.
#[derive(Clone, Copy)]
pub(super) struct About {
    mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    time: Timespec,
}

impl About {
    pub(super) fn of(entry: &mut Reading<'_, '_>) -> Result<Self, Error> {
        let header = entry.header();
        let id = |id: io::Result<u64>| {
            u32::try_from(id.map_err(corrupt)?).map_err(|_| corrupt("an owner is out of range"))
        };
        let mut about = Self {
            mode: header.mode().map_err(corrupt)?,
            uid: id(header.uid())?,
            gid: id(header.gid())?,
            time: Timespec {
                tv_sec: i64::try_from(header.mtime().map_err(corrupt)?).unwrap_or(0),
                tv_nsec: 0,
            },
        };
        if let Some(extended) = entry.pax_extensions().map_err(corrupt)? {
            for record in extended {
                let record = record.map_err(corrupt)?;
                if let (Ok("mtime"), Ok(time)) = (record.key(), record.value()) {
                    about.time = time_of(time).ok_or_else(|| corrupt("a time is none"))?;
                }
            }
        }
        Ok(about)
    }

    pub(super) fn mode(self) -> Mode {
        Mode::from_raw_mode((self.mode & MODE) as RawMode)
    }

    pub(super) fn owner(self) -> (Option<Uid>, Option<Gid>) {
        (Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))
    }

    pub(super) fn times(self) -> Timestamps {
        Timestamps {
            last_access: self.time,
            last_modification: self.time,
        }
    }
}

/// Reads the archive through, and knows how long it is.
pub(super) struct Counted<'a> {
    inner: &'a mut dyn Read,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// A path below the folder, without anything that leads out of it.
pub(super) fn inside(path: &[u8]) -> Result<PathBuf, Error> {
    let path = Path::new(OsStr::from_bytes(path));
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            _ => {
                let path = shown(path);
                return Err(corrupt(format!("{path} would lie outside of the folder")));
            }
        }
    }
    Ok(clean)
}

/// Seconds since 1970, with fractions: `-1.5`.
fn time_of(text: &str) -> Option<Timespec> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9.9}").parse().ok()?;
    let back = whole.starts_with('-') && nanos > 0;
    Some(Timespec {
        tv_sec: if back {
            seconds.checked_sub(1)?
        } else {
            seconds
        },
        tv_nsec: if back { 1_000_000_000 - nanos } else { nanos },
    })
}

pub(super) fn corrupt(source: impl ToString) -> Error {
    let detail = source.to_string();
    Error::new("unpack", "the archive", ErrorKind::Corrupt, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_sign() {
        let pair = |text| time_of(text).map(|time| (time.tv_sec, time.tv_nsec));
        assert_eq!(pair("12"), Some((12, 0)));
        assert_eq!(pair("12.5"), Some((12, 500_000_000)));
        assert_eq!(pair("12.000000001"), Some((12, 1)));
        assert_eq!(pair("-0.250000000"), Some((-1, 750_000_000)));
        assert_eq!(pair("-3"), Some((-3, 0)));
        assert_eq!(pair("12.x"), None);
    }

    #[test]
    fn nothing_leads_out() {
        assert_eq!(inside(b"./a//b/").unwrap(), Path::new("a/b"));
        assert_eq!(inside(b"./").unwrap(), Path::new(""));
        for path in [&b"/etc/passwd"[..], b"../x", b"a/../../x"] {
            assert_eq!(inside(path).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
