//! When a certificate ends: just enough DER (X.690) to walk to one field of RFC 5280.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SEQUENCE: u8 = 0x30;
const EXPLICIT_0: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// How much longer the certificate (DER) is valid; zero when it has expired, `None` when it does
/// not parse.
pub(super) fn remaining(der: &[u8], now: SystemTime) -> Option<Duration> {
    let end = UNIX_EPOCH + Duration::from_secs(u64::try_from(not_after(der)?).ok()?);
    Some(end.duration_since(now).unwrap_or_default())
}

/// `notAfter`, in seconds since 1970.
fn not_after(der: &[u8]) -> Option<i64> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_0) {
        fields = element(fields)?.2;
    }
    // Serial number, signature algorithm, issuer; then the validity.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let (_, _, after_begin) = element(validity)?;
    let (tag, end, _) = element(after_begin)?;
    match tag {
        UTC_TIME => {
            let short = number(end, 0, 2)?;
            // RFC 5280, 4.1.2.5.1: two-digit years are 1950 to 2049.
            let year = if short < 50 {
                2000 + short
            } else {
                1900 + short
            };
            seconds(year, end.get(2..)?)
        }
        GENERALIZED_TIME => seconds(number(end, 0, 4)?, end.get(4..)?),
        _ => None,
    }
}

/// `MMDDHHMMSSZ` of a year.
fn seconds(year: i64, rest: &[u8]) -> Option<i64> {
    if rest.last() != Some(&b'Z') {
        return None;
    }
    let field = |at| number(rest, at, 2);
    let days = days_from_civil(year, field(0)?, field(2)?);
    Some(((days * 24 + field(4)?) * 60 + field(6)?) * 60 + field(8)?)
}

/// Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn number(digits: &[u8], at: usize, count: usize) -> Option<i64> {
    let digits = digits.get(at..at + count)?;
    digits.iter().try_fold(0, |n, d| {
        d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0'))
    })
}

fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// The tag, the content and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, der) = der.split_first()?;
    let (&first, mut der) = der.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (bytes, rest) = der.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        length = bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        der = rest;
    }
    let (content, rest) = der.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn reads_the_end_in_both_notations() {
        assert_eq!(not_after(&certificate(2033, 5, 18)), Some(1_999_987_200));
        assert_eq!(not_after(&certificate(2000, 2, 29)), Some(951_782_400));
        // From 2050 on certificates use the other one.
        assert_eq!(not_after(&certificate(2100, 3, 1)), Some(4_107_542_400));
    }

    #[test]
    fn what_has_expired_has_nothing_left() {
        let at = |s| UNIX_EPOCH + Duration::from_secs(s);
        let der = certificate(2033, 5, 18);
        let left = |now| remaining(&der, at(now));
        assert_eq!(left(1_999_987_190), Some(Duration::from_secs(10)));
        assert_eq!(left(2_999_987_190), Some(Duration::ZERO));
    }

    #[test]
    fn broken_bytes_are_no_certificate_and_no_panic() {
        let der = certificate(2033, 5, 18);
        for end in 0..200 {
            let _ = not_after(&der[..end]);
            let mut broken = der.clone();
            broken[end] ^= 0xff;
            let _ = not_after(&broken);
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
