//! Proof that a webhook comes from us and was not changed or replayed.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::Secret;

/// `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 (RFC 2104) over `<unix seconds>.<body>`.
pub const SIGNATURE_HEADER: &str = "x-ripcord-signature";

/// The header's value for `body` at `at`.
pub(super) fn sign(secret: &Secret, body: &[u8], at: Timestamp) -> Option<String> {
    let seconds = at.as_second();
    let tag = keyed(secret, body, seconds)?.finalize().into_bytes();
    let hex: String = tag.iter().map(|b| format!("{b:02x}")).collect();
    Some(format!("t={seconds},v1={hex}"))
}

/// For receivers: whether `header` is a signature of exactly these body bytes,
/// made with `secret` and at most `tolerance` away from `now`. Constant time in the secret.
#[must_use]
pub fn verify_signature(
    secret: &Secret,
    header: &str,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> bool {
    let field = |key| {
        header
            .split(',')
            .find_map(|part| part.trim().strip_prefix(key))
    };
    let Some(seconds) = field("t=").and_then(|t| t.parse::<i64>().ok()) else {
        return false;
    };
    let Some(tag) = field("v1=").and_then(unhex) else {
        return false;
    };
    let fresh = now.as_second().abs_diff(seconds) <= tolerance.as_secs();
    let genuine = keyed(secret, body, seconds).is_some_and(|m| m.verify_slice(&tag).is_ok());
    fresh && genuine
}

fn keyed(secret: &Secret, body: &[u8], seconds: i64) -> Option<Hmac<Sha256>> {
    // Every key length is allowed, so this is always `Some`.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).ok()?;
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    Some(mac)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Duration = Duration::from_secs(300);

    #[test]
    fn accepts_its_own_and_nothing_else() {
        let at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-11-20T10:06:00Z".parse().unwrap();
        let secret = Secret::new("key");
        let header = sign(&secret, b"body", at).unwrap();
        assert!(verify_signature(&secret, &header, b"body", at, MINUTES));
        assert!(!verify_signature(&secret, &header, b"bodz", at, MINUTES));
        assert!(!verify_signature(&secret, &header, b"body", later, MINUTES));
        assert!(!verify_signature(
            &"kez".into(),
            &header,
            b"body",
            at,
            MINUTES
        ));
        let moved = header.replace(&at.as_second().to_string(), &later.as_second().to_string());
        assert!(!verify_signature(&secret, &moved, b"body", later, MINUTES));
        for bad in ["", "t=1", "v1=00", "t=x,v1=zz", "t=1,v1=é0"] {
            assert!(
                !verify_signature(&secret, bad, b"body", at, MINUTES),
                "{bad}"
            );
        }
    }

    /// Computed with another implementation (openssl dgst -sha256 -hmac).
    #[test]
    fn matches_a_known_value() {
        let at = Timestamp::from_second(1).unwrap();
        let header = sign(&Secret::new("key"), b"body", at).unwrap();
        assert_eq!(
            header,
            concat!(
                "t=1,v1=",
                "91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5"
            )
        );
    }
}
