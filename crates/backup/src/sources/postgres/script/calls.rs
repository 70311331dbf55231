//! The few functions that a dump calls by itself, with values that are written out.

use super::cursor::{Cursor, Kind};
use super::refusal::Refusal;
use super::statement::Statement;

const LARGE_OBJECTS: &[&str] = &["LO_CLOSE", "LO_CREATE", "LO_OPEN", "LO_UNLINK", "LOWRITE"];

/// Of a dump with statistics.
const STATISTICS: &[&str] = &[
    "PG_RESTORE_ATTRIBUTE_STATS",
    "PG_RESTORE_EXTENDED_STATS",
    "PG_RESTORE_RELATION_STATS",
];

pub(super) fn select(whole: Cursor<'_>) -> Result<Statement, Refusal> {
    let mut at = whole;
    at.take("SELECT");
    if at.sign(b'*') {
        let known = at.take("FROM") && catalogue(&mut at) && at.take_one_of(STATISTICS).is_some();
        return match known && arguments(&mut at) && at.is_over() {
            true => Ok(Statement::Passes),
            false => whole.refused(),
        };
    }
    if !catalogue(&mut at) {
        return whole.refused();
    }
    if at.take("SET_CONFIG") {
        let path = at.sign(b'(') && at.text() == Some(b"'search_path'");
        let rest = path && at.sign(b',') && at.text().is_some() && at.sign(b',');
        return match rest && at.take("FALSE") && at.sign(b')') && at.is_over() {
            true => Ok(Statement::Passes),
            false => whole.refused(),
        };
    }
    if at.take("SETVAL") {
        return match arguments(&mut at) && at.is_over() {
            true => Ok(Statement::Passes),
            false => whole.refused(),
        };
    }
    let unlink = at
        .peek()
        .is_some_and(|(_, text)| text.eq_ignore_ascii_case(b"lo_unlink"));
    if at.take_one_of(LARGE_OBJECTS).is_none() {
        return whole.refused();
    }
    // As --clean --if-exists has it.
    let mut if_exists = at;
    let known = (arguments(&mut at) && at.is_over())
        || (unlink && all_of_one(&mut if_exists) && if_exists.is_over());
    match known {
        true => Ok(Statement::LargeObject),
        false => whole.refused(),
    }
}

/// `(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '4711'`
fn all_of_one(at: &mut Cursor<'_>) -> bool {
    at.sign(b'(')
        && at.take("OID")
        && at.sign(b')')
        && at.take("FROM")
        && catalogue(at)
        && at.take("PG_LARGEOBJECT_METADATA")
        && at.take("WHERE OID")
        && at.sign(b'=')
        && at.text().is_some()
}

fn catalogue(at: &mut Cursor<'_>) -> bool {
    at.take("PG_CATALOG") && at.sign(b'.')
}

/// Values in parentheses, each with a cast at most.
fn arguments(at: &mut Cursor<'_>) -> bool {
    if !at.sign(b'(') {
        return false;
    }
    loop {
        let _sign = at.sign(b'-');
        let is_value = match at.next() {
            Some((Kind::Text | Kind::Number, _)) => true,
            Some((Kind::Word, word)) => ["true", "false", "null"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known.as_bytes())),
            _ => false,
        };
        if !is_value || !cast(at) {
            return false;
        }
        if !at.sign(b',') {
            return at.sign(b')');
        }
    }
}

fn cast(at: &mut Cursor<'_>) -> bool {
    if !at.sign(b':') {
        return true;
    }
    if !at.sign(b':') || at.name().is_none() {
        return false;
    }
    // double precision
    while matches!(at.peek(), Some((Kind::Word, _))) {
        at.next();
    }
    !at.sign(b'[') || at.sign(b']')
}
