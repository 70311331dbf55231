//! `"30s"` and `"10GiB"`.

use std::time::Duration;

use anyhow::{Context, bail};

/// `500ms`, `2s`, `1.5m`, `1h`.
pub(crate) fn duration(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => bail!("`{text}` is no duration, write 500ms, 2s, 5m or 1h"),
    };
    Duration::try_from_secs_f64(seconds).with_context(|| format!("`{text}` is no duration"))
}

/// `512MiB`, `10GiB`, `1TiB`, or plain bytes.
pub(crate) fn size(text: &str) -> anyhow::Result<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" | "B" => 1_u64,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => bail!("`{text}` is no size, write 512MiB, 10GiB or 1TiB"),
    };
    Ok((number * factor as f64) as u64)
}

fn split(text: &str) -> anyhow::Result<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number = text[..end]
        .parse()
        .with_context(|| format!("`{text}` does not begin with a number"))?;
    Ok((number, text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("1.5m").unwrap(), Duration::from_secs(90));
        for bad in ["", "5", "s", "-1s", "5d", "1.2.3s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("10GiB").unwrap(), 10 << 30);
        assert_eq!(size("42").unwrap(), 42);
        for bad in ["", "GiB", "10GB", "-1MiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
