use std::time::{Duration, Instant};

use crate::postgres::RunOptions;

/// How many attempts there were, and whether there is another.
#[derive(Debug)]
pub(crate) struct Attempts {
    began: Instant,
    /// The attempt that is under way, from 1.
    current: u32,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            current: 1,
        }
    }

    /// The attempt that comes next and the pause before it, unless there were enough.
    pub(crate) fn next(&mut self, options: &RunOptions, seed: u32) -> Option<(u32, Duration)> {
        let pause = pause(options.backoff, self.current - 1, seed);
        let late = self.began.elapsed() + pause > options.retry_within;
        if self.current > options.retries || late {
            return None;
        }
        self.current += 1;
        Some((self.current, pause))
    }
}

/// Doubling pauses, spread so that two runners that met do not meet again.
fn pause(base: Duration, tried: u32, seed: u32) -> Duration {
    let full = base.saturating_mul(1 << tried.min(6));
    let share = seed.wrapping_mul(2_654_435_761).wrapping_add(tried) % 100;
    full / 2 + full * share / 200
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_by_number_and_by_time() {
        let mut options = RunOptions {
            retries: 2,
            ..RunOptions::default()
        };
        let mut attempts = Attempts::new();
        let numbers: Vec<u32> = std::iter::from_fn(|| attempts.next(&options, 1))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(numbers, [2, 3]);
        options.retry_within = Duration::from_millis(1);
        assert_eq!(Attempts::new().next(&options, 1), None);
    }

    #[test]
    fn pauses_double_and_differ() {
        let base = Duration::from_millis(100);
        for tried in 0..4 {
            let full = base * (1 << tried);
            for seed in 1..50 {
                let pause = pause(base, tried, seed);
                assert!(pause >= full / 2 && pause <= full, "{tried} {seed}");
            }
        }
        assert_ne!(pause(base, 0, 1), pause(base, 0, 2));
    }
}
