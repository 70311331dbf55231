//! Rows: the heads of `COPY` and `INSERT`, and what may stand between the parentheses.

use super::cursor::{Cursor, Kind, Name};
use super::refusal::Refusal;

/// `COPY public.orders (id, note) FROM stdin`, and nothing else that `COPY` can do: files and
/// programs of the server are not a dump's.
pub(super) fn copy(mut at: Cursor<'_>) -> Result<Name, Refusal> {
    let whole = at;
    let name = at.take("COPY").then(|| at.name()).flatten();
    match name {
        Some(name) if at.columns() && at.take("FROM STDIN") && at.is_over() => Ok(name),
        _ => whole.refused(),
    }
}

/// An `INSERT` up to its `VALUES`.
pub(super) fn insert(mut at: Cursor<'_>) -> Result<Name, Refusal> {
    let whole = at;
    let name = at.take("INSERT INTO").then(|| at.name()).flatten();
    let Some(name) = name.filter(|_| at.columns()) else {
        return whole.refused();
    };
    at.take_one_of(&[
        "OVERRIDING SYSTEM VALUE",
        "OVERRIDING USER VALUE",
        "DEFAULT",
    ]);
    if at.take("VALUES") && at.is_over() {
        return Ok(name);
    }
    whole.refused()
}

/// Whether a token may stand behind `VALUES`: values that are written out, and
/// `ON CONFLICT DO NOTHING` behind the last row. `depth` is the number of open parentheses.
pub(super) fn is_value(kind: Kind, text: &[u8], depth: u32) -> bool {
    const INSIDE: &[&str] = &["TRUE", "FALSE", "NULL", "DEFAULT"];
    const BEHIND: &[&str] = &["ON", "CONFLICT", "DO", "NOTHING"];
    let is_one_of = |words: &[&str]| {
        words
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    match (kind, depth) {
        (Kind::Sign(b','), _) | (Kind::Sign(b'('), 0) => true,
        (Kind::Word, 0) => is_one_of(BEHIND),
        (Kind::Text | Kind::Number | Kind::Sign(b')' | b'-' | b'+'), 1) => true,
        (Kind::Word, 1) => is_one_of(INSIDE),
        _ => false,
    }
}
