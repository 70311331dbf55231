use std::fmt;

use crate::snapshot::Size;

/// How long a statement works on a table, roughly.
///
/// One sequential scan of this very server is what is measured; the rest are multiples of it. A scan
/// reads the rows once. An index build reads them and sorts and writes about as much again. A rewrite
/// reads the rows, writes them and their log, and builds every index anew. Waiting for locks, other
/// load and a cold or warm cache are not in it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// Seconds, rounded up.
    pub seconds: u64,
    /// The bytes on disk that it is about: rows, and for a rewrite indexes.
    pub bytes: i64,
}

impl Estimate {
    /// Reading all rows once, at `speed` bytes a second.
    pub(crate) fn of_scan(size: Size, speed: u64) -> Self {
        Self::new(size.bytes, size.bytes, speed)
    }

    /// Building one index.
    #[cfg(feature = "postgres")]
    pub(crate) fn of_index(size: Size, speed: u64) -> Self {
        Self::new(size.bytes, 2 * size.bytes, speed)
    }

    /// Writing the table and its indexes anew.
    pub(crate) fn of_rewrite(size: Size, speed: u64) -> Self {
        let bytes = size.bytes + size.index_bytes;
        Self::new(bytes, 3 * size.bytes + 2 * size.index_bytes, speed)
    }

    fn new(bytes: i64, work: i64, speed: u64) -> Self {
        Self {
            seconds: work.unsigned_abs().div_ceil(speed.max(1)),
            bytes,
        }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = readable(self.bytes);
        match self.seconds {
            0 | 1 => write!(f, "about a second for {bytes}"),
            s @ 2..=119 => write!(f, "about {s} s for {bytes}"),
            s @ 120..=7199 => write!(f, "about {} min for {bytes}", s.div_ceil(60)),
            s => write!(f, "about {} h for {bytes}", s.div_ceil(3600)),
        }
    }
}

/// Bytes as people read them: `12.0 GiB`.
pub(crate) fn readable(bytes: i64) -> String {
    let mut amount = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return match unit {
                "bytes" => format!("{bytes} bytes"),
                unit => format!("{amount:.1} {unit}"),
            };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_as_people_say_it() {
        let size = |gib: i64| Size {
            bytes: gib << 30,
            index_bytes: 0,
            rows: None,
        };
        let speed = 300 << 20;
        let scan = |gib| Estimate::of_scan(size(gib), speed).to_string();
        assert_eq!(scan(12), "about 41 s for 12.0 GiB");
        assert_eq!(scan(120), "about 7 min for 120.0 GiB");
        assert_eq!(scan(0), "about a second for 0 bytes");
        assert_eq!(
            Estimate::of_rewrite(size(12), speed).to_string(),
            "about 3 min for 12.0 GiB"
        );
    }
}
