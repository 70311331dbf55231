use sqlparser::tokenizer::Token;

use crate::sql::model::{Kind, Name, TableAction};
use crate::sql::mysql::column::quoted;
use crate::sql::mysql::create;
use crate::sql::mysql::reader::{Reader, commas, says, text};

/// Behind SET: variables, NAMES, TRANSACTION, PASSWORD and ROLE.
pub(super) fn set(reader: &mut Reader<'_>) -> Option<Kind> {
    if reader.is_any(&["password"]) || (reader.is(0, "default") && reader.is(1, "role")) {
        return Some(Kind::Roles);
    }
    if reader.is_any(&["names", "role", "transaction"])
        || (reader.is(0, "character") && reader.is(1, "set"))
        || (reader.is(0, "session") && reader.is(1, "transaction"))
        || reader.is(0, "charset")
    {
        return Some(Kind::Harmless);
    }
    if reader.is(0, "statement") {
        // MariaDB's SET STATEMENT … FOR runs another statement.
        return None;
    }
    let mut all: Vec<Kind> = commas(reader.rest())
        .into_iter()
        .map(assignment)
        .collect::<Option<_>>()?;
    if all.len() == 1 {
        return all.pop();
    }
    Some(Kind::Several(all))
}

fn assignment(tokens: &[Token]) -> Option<Kind> {
    let mut reader = Reader::new(tokens);
    let global = ["global", "persist", "persist_only"];
    let mut wide = reader.eat_any(&global);
    reader.eat_any(&["session", "local"]);
    let mut name = reader.ident()?.to_ascii_lowercase();
    while reader.symbol(&Token::Period) {
        wide |= global.contains(&name.trim_start_matches('@'));
        name = reader.ident()?.to_ascii_lowercase();
    }
    if !reader.symbol(&Token::Eq) && !reader.symbol(&Token::Assignment) {
        return None;
    }
    let value = text(reader.rest()).trim_matches('\'').to_ascii_lowercase();
    if wide {
        return Some(Kind::SystemSettings);
    }
    if name.starts_with('@') && !name.starts_with("@@") {
        return Some(Kind::Harmless);
    }
    Some(Kind::Set {
        local: false,
        name: name.trim_start_matches('@').to_owned(),
        value,
    })
}

/// Behind LOCK TABLES: each table with its mode.
pub(super) fn lock_tables(reader: &mut Reader<'_>) -> Option<Kind> {
    let mut kinds = Vec::new();
    for part in commas(reader.rest()) {
        let mut part = Reader::new(part);
        let table = part.name()?;
        let write = part.rest().iter().any(|t| says(t, "write"));
        kinds.push(Kind::LockTable {
            tables: vec![table],
            mode: if write { "write" } else { "read" }.to_owned(),
        });
    }
    Some(Kind::Several(kinds))
}

/// `USE db`: an unqualified name means another table from here on.
pub(super) fn use_database(reader: &mut Reader<'_>) -> Option<Kind> {
    let value = reader.ident()?;
    reader.done().then_some(Kind::Set {
        local: false,
        name: "search_path".to_owned(),
        value,
    })
}

/// Behind GRANT or REVOKE.
pub(super) fn grant(reader: &Reader<'_>, revoke: bool) -> Kind {
    let words = reader.rest();
    let all = reader.is(0, "all");
    let everything = words
        .windows(3)
        .any(|w| w[0] == Token::Mul && w[1] == Token::Period && w[2] == Token::Mul);
    Kind::Grant {
        broad: !revoke && (all || everything),
        revoke,
    }
}

/// RENAME TABLE a TO b, c TO d.
pub(super) fn rename_tables(reader: &mut Reader<'_>) -> Option<Kind> {
    let mut kinds = Vec::new();
    for part in commas(reader.rest()) {
        let mut part = Reader::new(part);
        part.eat_all(&["if", "exists"]);
        let from: Name = part.name()?;
        if part.eat("wait") {
            part.value()?;
        }
        part.eat("nowait");
        let to = part.eat("to").then(|| part.name())??;
        if !part.done() {
            return None;
        }
        let to = quoted(&to);
        kinds.push(create::alter(from, vec![TableAction::RenameTable { to }]));
    }
    match kinds.len() {
        1 => kinds.pop(),
        _ => Some(Kind::Several(kinds)),
    }
}
