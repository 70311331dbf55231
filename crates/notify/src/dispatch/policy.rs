//! How stubborn delivery is.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// When to send again something that may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ResendAmbiguous {
    /// Only where the peer drops the second one.
    #[default]
    WhereSafe,
    /// Everywhere: better twice than not at all.
    Always,
}

/// The rules of trying again.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries per message, at least 1. 5 by default.
    pub tries: u32,
    /// One try may take this long. 10 s by default.
    pub timeout: Duration,
    /// The ceiling of the first pause; it doubles with each try. 500 ms by default.
    pub base: Duration,
    /// No pause of our own is longer. 30 s by default. A peer's Retry-After may be.
    pub cap: Duration,
    /// From the first try of a message to the last, as far as the pauses are ours. 2 min by
    /// default. A pause that the peer asks for is waited for; the dispatcher's end limits it.
    pub total: Duration,
    /// When to send again something that may have arrived.
    pub ambiguous: ResendAmbiguous,
    /// Messages waiting per destination; the oldest that is no failure makes room. 1,000 by default.
    pub queue: usize,
    /// Seeds the jitter; `None` takes a random one.
    pub seed: Option<u64>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 5,
            timeout: Duration::from_secs(10),
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            total: Duration::from_secs(120),
            ambiguous: ResendAmbiguous::WhereSafe,
            queue: 1000,
            seed: None,
        }
    }
}

impl RetryPolicy {
    /// Full jitter: anything between nothing and the exponential ceiling, so that many
    /// senders that failed together do not come back together.
    pub(super) fn pause(&self, tries: u32, jitter: &mut Jitter) -> Duration {
        let ceiling = self
            .base
            .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)))
            .min(self.cap);
        ceiling.mul_f64(jitter.unit())
    }
}

/// A small generator (splitmix64, Steele, Lea, Flood 2014); nothing here needs a strong one.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()))
    }

    /// Uniform in `[0, 1)`.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_below_the_doubling_ceiling_and_the_cap() {
        let policy = RetryPolicy::default();
        let mut jitter = Jitter::new(Some(7));
        for tries in 1..40 {
            let ceiling = policy
                .base
                .saturating_mul(2_u32.saturating_pow(tries - 1))
                .min(policy.cap);
            let pauses: Vec<Duration> =
                (0..200).map(|_| policy.pause(tries, &mut jitter)).collect();
            assert!(pauses.iter().all(|p| *p <= ceiling));
            // Full jitter uses the whole range, not its end.
            assert!(pauses.iter().any(|p| *p < ceiling / 4));
            assert!(pauses.iter().any(|p| *p > ceiling * 3 / 4));
        }
    }

    #[test]
    fn two_unseeded_senders_differ() {
        let (mut a, mut b) = (Jitter::new(None), Jitter::new(None));
        assert_ne!(a.unit(), b.unit());
    }
}
