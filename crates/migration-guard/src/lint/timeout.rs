//! Timeouts as the server reads them.

use crate::lint::Timeout;

/// Milliseconds of a value as SET takes it: `5s`, `5000`, `0`, `default`.
pub(crate) fn parse_timeout(value: &str) -> Timeout {
    let value = value.trim().trim_matches('\'').to_ascii_lowercase();
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let Ok(number) = digits.trim().parse::<u64>() else {
        return Timeout::Unset;
    };
    let unit = value[digits.len()..].trim();
    let factor = match unit {
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 1,
    };
    match number.saturating_mul(factor) {
        0 => Timeout::Off,
        ms => Timeout::Set(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_server_reads_them() {
        assert_eq!(parse_timeout("'5s'"), Timeout::Set(5000));
        assert_eq!(parse_timeout("250"), Timeout::Set(250));
        assert_eq!(parse_timeout("2 min"), Timeout::Set(120_000));
        assert_eq!(parse_timeout("0"), Timeout::Off);
        assert_eq!(parse_timeout("default"), Timeout::Unset);
    }
}
