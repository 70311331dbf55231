//! What one statement does, if it is one that `pg_dump` writes.

use super::calls;
use super::cursor::{Cursor, Kind, Name};
use super::naming::{
    ADJECTIVES, EXTENSION, OBJECTS, PARTS, SETTINGS, WITH_RIGHTS, is_plain_encoding,
};
use super::refusal::Refusal;
use super::rows;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// Nothing that has to be known about.
    Passes,
    /// From now on the text is in this encoding.
    Encoding(String),
    /// Rows of this table follow.
    Copy(Name),
    /// A row without values.
    Insert(Name),
    /// Around large objects; all of the dump is one transaction anyway.
    Begin,
    Commit,
    LargeObject,
    /// Makes or describes an event trigger, which would run for what comes after it.
    EventTrigger,
    /// Makes something that keeps rows in another place.
    Elsewhere(Name),
}

const NO_CREATE: &str = "dump with pg_dump without --create";

pub(super) fn read(whole: Cursor<'_>) -> Result<Statement, Refusal> {
    let mut at = whole;
    if !inner_ends_are_known(whole) {
        return whole.refused();
    }
    let verb = at.take_one_of(&[
        "ALTER",
        "BEGIN",
        "COMMENT ON",
        "COMMIT",
        "COPY",
        "CREATE",
        "DROP",
        "GRANT",
        "INSERT",
        "REFRESH MATERIALIZED VIEW",
        "RESET SESSION AUTHORIZATION",
        "REVOKE",
        "SECURITY LABEL",
        "SELECT",
        "SET",
    ]);
    match verb {
        Some("ALTER") => alter(whole, at),
        Some("BEGIN") if at.is_over() => Ok(Statement::Begin),
        Some("COMMENT ON") => labelled(whole, at),
        Some("COMMIT") if at.is_over() => Ok(Statement::Commit),
        Some("COPY") => rows::copy(whole).map(Statement::Copy),
        Some("CREATE") => create(whole, at),
        Some("DROP") => match at.take(EXTENSION) || at.take_one_of(OBJECTS).is_some() {
            true => Ok(Statement::Passes),
            false => another_database(whole, at),
        },
        Some("GRANT" | "REVOKE") => {
            match at.skip_to("ON") && at.take_one_of(WITH_RIGHTS).is_some() {
                true => Ok(Statement::Passes),
                false => whole.refused(),
            }
        }
        Some("INSERT") => rows::insert(whole).map(Statement::Insert),
        Some("REFRESH MATERIALIZED VIEW") => {
            let named = at.name().is_some();
            at.take("WITH NO DATA");
            match named && at.is_over() {
                true => Ok(Statement::Passes),
                false => whole.refused(),
            }
        }
        Some("RESET SESSION AUTHORIZATION") if at.is_over() => Ok(Statement::Passes),
        Some("SECURITY LABEL") => {
            if at.take("FOR") && at.text().is_none() && at.name().is_none() {
                return whole.refused();
            }
            match at.take("ON") {
                true => labelled(whole, at),
                false => whole.refused(),
            }
        }
        Some("SELECT") => calls::select(whole),
        Some("SET") => set(whole, at),
        _ => whole.refused(),
    }
}

/// Statements in a statement: those of a rule, in parentheses, and those of a function between
/// `BEGIN ATOMIC` and the `END` that comes where one could begin. Whatever else has a semicolon in
/// it, the server might take for several statements.
fn inner_ends_are_known(whole: Cursor<'_>) -> bool {
    let (mut at, mut depth) = (whole, 0_u32);
    let (mut inner, mut all_inside) = (false, true);
    while let Some((kind, _)) = at.next() {
        match kind {
            Kind::Sign(b'(') => depth += 1,
            Kind::Sign(b')') => depth = depth.saturating_sub(1),
            Kind::Sign(b';') => {
                inner = true;
                all_inside &= depth > 0;
            }
            _ => {}
        }
    }
    if !inner {
        return true;
    }
    let mut at = whole;
    if !at.take("CREATE") {
        return false;
    }
    at.take("OR REPLACE");
    if at.take("RULE") {
        return all_inside;
    }
    if at.take_one_of(&["FUNCTION", "PROCEDURE"]).is_none() {
        return false;
    }
    while at.skip_to("BEGIN") {
        if at.take("ATOMIC") {
            return ends_once(at);
        }
    }
    false
}

/// From behind `BEGIN ATOMIC`.
fn ends_once(mut at: Cursor<'_>) -> bool {
    loop {
        if at.take("END") {
            return at.is_over();
        }
        let mut depth = 0_u32;
        loop {
            match at.next() {
                Some((Kind::Sign(b'('), _)) => depth += 1,
                Some((Kind::Sign(b')'), _)) => depth = depth.saturating_sub(1),
                Some((Kind::Sign(b';'), _)) if depth == 0 => break,
                Some((Kind::Sign(b';'), _)) | None => return false,
                Some(_) => {}
            }
        }
    }
}

fn create(whole: Cursor<'_>, mut at: Cursor<'_>) -> Result<Statement, Refusal> {
    at.take("OR REPLACE");
    at.take_one_of(ADJECTIVES);
    if at.take(EXTENSION) {
        return Ok(Statement::Passes);
    }
    let Some(object) = at.take_one_of(OBJECTS) else {
        return another_database(whole, at);
    };
    at.take("IF NOT EXISTS");
    let ok = match object {
        "EVENT TRIGGER" => {
            let mut event = at;
            if event.skip_to("ON") && event.take("LOGIN") {
                return Refusal::new("an event trigger on login would run for whoever looks at it");
            }
            return Ok(Statement::EventTrigger);
        }
        "FOREIGN TABLE" | "VIEW" => {
            return match at.name() {
                Some(name) => Ok(Statement::Elsewhere(name)),
                None => whole.refused(),
            };
        }
        // Otherwise its query would run at once.
        "MATERIALIZED VIEW" => at.ends_with("WITH NO DATA"),
        // Not with other objects inside.
        "SCHEMA" => {
            let named = at.take("AUTHORIZATION") || at.name().is_some();
            at.take("AUTHORIZATION");
            named && (at.is_over() || (at.name().is_some() && at.is_over()))
        }
        "SUBSCRIPTION" => is_asleep(at),
        // Not from a query.
        "TABLE" => !at.skip_to("AS"),
        _ => true,
    };
    match ok {
        true => Ok(Statement::Passes),
        false => whole.refused(),
    }
}

/// Whether a subscription is made without asking the other server.
fn is_asleep(mut at: Cursor<'_>) -> bool {
    while !at.is_over() {
        if at.take("CONNECT") && at.sign(b'=') && at.take("FALSE") {
            return true;
        }
        at.next();
    }
    false
}

fn alter(whole: Cursor<'_>, mut at: Cursor<'_>) -> Result<Statement, Refusal> {
    if at.take("DEFAULT PRIVILEGES") {
        return Ok(Statement::Passes);
    }
    let Some(object) = at.take_one_of(OBJECTS) else {
        return another_database(whole, at);
    };
    if object == "EVENT TRIGGER" {
        return Ok(Statement::EventTrigger);
    }
    at.take("IF EXISTS");
    at.take("ONLY");
    // Some have no name here, but none of those can be moved.
    let mut behind = at;
    if behind.name().is_some() {
        let moved = behind.take("RENAME") || behind.take("SET SCHEMA");
        if moved || (object == "SUBSCRIPTION" && !behind.take("OWNER TO")) {
            return whole.refused();
        }
    }
    Ok(Statement::Passes)
}

/// A comment or a security label, from behind its `ON`.
fn labelled(whole: Cursor<'_>, mut at: Cursor<'_>) -> Result<Statement, Refusal> {
    match at.take_one_of(OBJECTS).or_else(|| at.take_one_of(PARTS)) {
        Some("EVENT TRIGGER") => Ok(Statement::EventTrigger),
        Some(_) => Ok(Statement::Passes),
        None => another_database(whole, at),
    }
}

fn another_database<T>(whole: Cursor<'_>, mut at: Cursor<'_>) -> Result<T, Refusal> {
    match (whole.refused(), at.take("DATABASE")) {
        (Err(refusal), true) => Refusal::with_help(refusal.why, NO_CREATE),
        (other, _) => other,
    }
}

fn set(whole: Cursor<'_>, mut at: Cursor<'_>) -> Result<Statement, Refusal> {
    if at.take("SESSION AUTHORIZATION") {
        let named = at.text().is_some() || at.name().is_some_and(|name| name.len() == 1);
        return match named && at.is_over() {
            true => Ok(Statement::Passes),
            false => whole.refused(),
        };
    }
    let setting = at.take_one_of(SETTINGS);
    let Some(setting) = setting.filter(|_| at.sign(b'=') || at.take("TO")) else {
        return whole.refused();
    };
    let mut values = Vec::new();
    while let Some((kind, value)) = at.next() {
        match kind {
            Kind::Sign(b',' | b'-') => {}
            Kind::Sign(_) => return whole.refused(),
            _ => values.push(String::from_utf8_lossy(value)),
        }
    }
    match (setting, values.as_slice()) {
        (_, []) => whole.refused(),
        ("standard_conforming_strings", [value]) => {
            if value.eq_ignore_ascii_case("on") {
                return Ok(Statement::Passes);
            }
            Refusal::with_help(
                "with standard_conforming_strings off it cannot be told where text ends",
                "ALTER DATABASE ... SET standard_conforming_strings = on, and dump again",
            )
        }
        ("client_encoding", [value]) => {
            let name = value.trim_matches(['\'', '"']);
            if is_plain_encoding(name) {
                return Ok(Statement::Encoding(name.to_owned()));
            }
            Refusal::with_help(
                format!("in {name:?} it cannot be told where text ends"),
                "dump with pg_dump --encoding=UTF8",
            )
        }
        ("standard_conforming_strings" | "client_encoding", _) => whole.refused(),
        _ => Ok(Statement::Passes),
    }
}
