use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// S3 accepts no smaller part, except as the last.
const SMALLEST: u64 = 5 << 20;
/// Nor a larger one.
const LARGEST: u64 = 5 << 30;

const UNITS: [(&str, u64); 5] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
];

/// Bytes in a part of an upload, 5 MiB to 5 GiB, written like `64MiB`. An archive has at most 10,000
/// parts, and an upload takes five of them of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSize(usize);

impl PartSize {
    /// So many bytes.
    ///
    /// # Errors
    /// `InvalidInput` when it is less than 5 MiB or more than 5 GiB.
    pub fn new(bytes: u64) -> Result<Self, Error> {
        usize::try_from(bytes)
            .ok()
            .filter(|_| (SMALLEST..=LARGEST).contains(&bytes))
            .map(Self)
            .ok_or_else(|| invalid("a part must have 5 MiB to 5 GiB"))
    }

    /// How many bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for PartSize {
    type Err = Error;

    /// # Errors
    /// As [`PartSize::new`], and when it is not a number with its unit.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || invalid("it is a whole number with MiB or GiB, such as 64MiB");
        let (number, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, *factor)))
            .ok_or_else(wrong)?;
        let number: u64 = number.trim().parse().map_err(|_| wrong())?;
        Self::new(number.checked_mul(factor).ok_or_else(wrong)?)
    }
}

fn invalid(detail: &str) -> Error {
    Error::new("use", "the part size", ErrorKind::InvalidInput, detail)
}

impl fmt::Display for PartSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as u64;
        match UNITS
            .iter()
            .find(|(_, factor)| bytes.is_multiple_of(*factor))
        {
            Some((unit, factor)) => write!(f, "{}{unit}", bytes / factor),
            None => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("5MiB", 5 << 20),
            ("64 MiB", 64 << 20),
            ("5GiB", 5 << 30),
            ("10MB", 10_000_000),
        ] {
            let size: PartSize = text.parse().unwrap();
            assert_eq!(size.bytes(), bytes, "{text}");
            assert_eq!(size.to_string().parse::<PartSize>().unwrap(), size);
        }
        for text in [
            "4MiB",
            "6GiB",
            "64",
            "MiB",
            "-8MiB",
            "8.5MiB",
            "99999999999GiB",
            "",
        ] {
            assert!(text.parse::<PartSize>().is_err(), "{text}");
        }
    }
}
