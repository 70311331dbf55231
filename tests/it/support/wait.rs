use std::time::{Duration, Instant};

/// Polls until `condition` gives something. The limit is generous: it only turns a hang into a failure.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < give_up, "gave up waiting for: {what}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the pause of a poll, in a test")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// All of `items`, or with `RIPCORD_SAMPLE=seed:count` so many of them, chosen by the seed.
pub(crate) fn sample<T>(name: &str, items: Vec<T>) -> Vec<T> {
    #[expect(clippy::disallowed_methods, reason = "how ./test asks for a sample")]
    let Ok(asked) = std::env::var("RIPCORD_SAMPLE") else {
        return items;
    };
    let (seed, count) = asked.split_once(':').expect("RIPCORD_SAMPLE is seed:count");
    let seed: u64 = seed.parse().expect("RIPCORD_SAMPLE is seed:count");
    let count: usize = count.parse().expect("RIPCORD_SAMPLE is seed:count");
    let mut state = name
        .bytes()
        .fold(seed, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    let mut shuffled: Vec<(u64, usize, T)> = items
        .into_iter()
        .enumerate()
        .map(|(at, item)| (mix(&mut state), at, item))
        .collect();
    shuffled.sort_by_key(|(key, _, _)| *key);
    shuffled.truncate(count);
    shuffled.sort_by_key(|(_, at, _)| *at);
    shuffled.into_iter().map(|(_, _, item)| item).collect()
}

/// SplitMix64.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
