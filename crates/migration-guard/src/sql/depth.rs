//! Refuses what would overflow the parser's stack. It descends once for each parenthesis, CASE
//! and prefix operator, and what it builds for a chain of operators is as deep as the chain is
//! long; a stack that overflows ends the process, and no caller can catch that.

/// Deeper than anything a person writes, far from what a large stack holds.
const NESTING: usize = 500;
const CHAIN: usize = 100_000;

/// The first place that is too deep, and why.
pub(super) fn too_deep(text: &str) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let mut level = Level::default();
    let mut outer: Vec<Level> = Vec::new();
    let mut prefixes = 0usize;
    let mut blocks = 0usize;
    let mut at = 0;
    while at < bytes.len() {
        let (from, byte) = (at, bytes[at]);
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'-' if bytes.get(at) == Some(&b'-') => {
                at = find(bytes, at, |rest| rest[0] == b'\n');
                continue;
            }
            b'/' if bytes.get(at) == Some(&b'*') => {
                at = find(bytes, at, |rest| rest.starts_with(b"*/"));
                continue;
            }
            b'\'' | b'"' => {
                at = find(bytes, at, |rest| rest[0] == byte) + 1;
                prefixes = 0;
            }
            b'(' | b'[' => {
                outer.push(std::mem::take(&mut level));
                prefixes = 0;
            }
            b')' | b']' => {
                level = outer.pop().unwrap_or_default();
                prefixes = 0;
            }
            b',' => {
                level.chain = 0;
                prefixes = 0;
            }
            b';' => {
                outer.clear();
                level = Level::default();
                prefixes = 0;
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                at = find(bytes, at, |rest| {
                    !rest[0].is_ascii_alphanumeric() && rest[0] != b'_'
                });
                let word = &text[from..at.min(text.len())];
                if word.eq_ignore_ascii_case("case") {
                    level.cases += 1;
                } else if word.eq_ignore_ascii_case("end") {
                    match level.cases.checked_sub(1) {
                        Some(fewer) => level.cases = fewer,
                        None => blocks = blocks.saturating_sub(1),
                    }
                } else if word.eq_ignore_ascii_case("loop")
                    || word.eq_ignore_ascii_case("begin") && !begins_transaction(&text[at..])
                {
                    blocks += 1;
                }
                level.chain += 1;
                prefixes = if word.eq_ignore_ascii_case("not") {
                    prefixes + 1
                } else {
                    0
                };
            }
            _ => {
                level.chain += 1;
                prefixes += 1;
            }
        }
        let cases: usize = level.cases + outer.last().map_or(0, |l| l.cases);
        if outer.len() + cases > NESTING || prefixes > NESTING || blocks > NESTING {
            return Some((from, "is nested more than 500 levels deep"));
        }
        if level.chain > CHAIN {
            return Some((
                from,
                "strings together more than 100,000 words without a comma",
            ));
        }
    }
    None
}

/// Whether a BEGIN that is followed by `rest` has no END of its own.
fn begins_transaction(rest: &str) -> bool {
    let rest = rest.trim_start();
    let word = rest
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let words = ["transaction", "work", "isolation", "read", "deferrable"];
    rest.is_empty() || rest.starts_with(';') || words.iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// What is open inside one pair of parentheses.
#[derive(Debug, Default)]
struct Level {
    cases: usize,
    chain: usize,
}

fn find(bytes: &[u8], from: usize, stop: impl Fn(&[u8]) -> bool) -> usize {
    (from..bytes.len())
        .find(|at| stop(&bytes[*at..]))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_of_every_sort_is_seen() {
        for deep in [
            format!("SELECT {}1", "(".repeat(1000)),
            format!("SELECT {}1", "case when ".repeat(1000)),
            format!("SELECT {}true", "NOT ".repeat(1000)),
            format!("DO $$ {} $$", "BEGIN NULL; ".repeat(1000)),
            format!("DO $$ BEGIN {} $$", "LOOP ".repeat(1000)),
            format!("SELECT {}1", "- ".repeat(1000)),
            format!("SELECT 1{}", " + 1".repeat(100_000)),
        ] {
            assert!(too_deep(&deep).is_some(), "{}", &deep[..40]);
        }
    }

    #[test]
    fn length_alone_is_fine() {
        let rows = "(1, 'it''s (((', \"a(\"), -- (((\n".repeat(200_000);
        assert_eq!(too_deep(&format!("INSERT INTO t VALUES {rows}(1)")), None);
        let cases = "SELECT CASE WHEN a THEN 1 END;".repeat(10_000);
        assert_eq!(too_deep(&cases), None);
        let blocks = "DO $$ BEGIN LOOP EXIT; END LOOP; END $$; BEGIN; COMMIT; BEGIN WORK; END;";
        assert_eq!(too_deep(&blocks.repeat(10_000)), None);
    }
}
