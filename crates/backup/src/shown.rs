//! How numbers are shown to people.

use std::fmt;

/// Shows an age in its two largest units: `45 s`, `12 min 5 s`, `5 h 3 min`, `3 d 4 h`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Age {
    seconds: f64,
}

impl Age {
    /// An age of so many seconds; less than none is none.
    #[must_use]
    pub fn of_seconds(seconds: f64) -> Self {
        let seconds = if seconds > 0.0 { seconds } else { 0.0 };
        Self { seconds }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds, not negative; what is too large stays the largest"
        )]
        let whole = self.seconds as u64;
        let parts = [
            (whole / 86_400, "d"),
            (whole / 3600 % 24, "h"),
            (whole / 60 % 60, "min"),
            (whole % 60, "s"),
        ];
        let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
        let (count, unit) = parts[first];
        write!(f, "{count} {unit}")?;
        match parts.get(first + 1) {
            Some((count, unit)) if *count > 0 => write!(f, " {count} {unit}"),
            _ => Ok(()),
        }
    }
}

/// Shows a number of bytes: `512 bytes`, `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        match units.iter().find(|(_, shift)| self.0 >> shift > 0) {
            Some((unit, shift)) => {
                let tenths = (u128::from(self.0) * 10) >> shift;
                write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
            }
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, shown) in [
            (-5.0, "0 s"),
            (0.9, "0 s"),
            (45.0, "45 s"),
            (60.0, "1 min"),
            (725.0, "12 min 5 s"),
            (18_180.0, "5 h 3 min"),
            (86_400.0, "1 d"),
            (273_599.0, "3 d 3 h"),
            (273_600.0, "3 d 4 h"),
        ] {
            assert_eq!(Age::of_seconds(seconds).to_string(), shown);
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(Bytes(1023).to_string(), "1023 bytes");
        assert_eq!(Bytes(1 << 10).to_string(), "1.0 KiB");
        assert_eq!(Bytes(1536 << 20).to_string(), "1.5 GiB");
        assert_eq!(Bytes(u64::MAX).to_string(), "16777215.9 TiB");
    }
}
