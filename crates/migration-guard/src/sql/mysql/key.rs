//! Keys, indexes, foreign keys and checks, in CREATE TABLE, ALTER TABLE and CREATE INDEX.

use sqlparser::tokenizer::Token;

use crate::sql::model::{Constraint, ConstraintKind, Expr, ForeignKey, Volatility};
use crate::sql::mysql::column::plain;
use crate::sql::mysql::reader::{Reader, commas, text};

/// Whether a definition begins like a key and not like a column.
pub(super) fn begins(reader: &Reader<'_>) -> bool {
    // `key int` and `check int` are columns only in quotes: the words are reserved.
    reader.is_any(&[
        "constraint",
        "primary",
        "unique",
        "key",
        "index",
        "foreign",
        "check",
        "fulltext",
        "spatial",
    ]) || (reader.is(0, "vector") && (reader.is(1, "index") || reader.is(1, "key")))
}

/// A key to the end of the tokens.
pub(super) fn definition(tokens: &[Token]) -> Option<Constraint> {
    let mut reader = Reader::new(tokens);
    let mut name = None;
    if reader.eat("constraint") && !reader.is_any(&["primary", "unique", "foreign", "check"]) {
        name = Some(reader.ident()?);
    }
    let constraint = body(&mut reader, name)?;
    reader.done().then_some(constraint)
}

fn body(reader: &mut Reader<'_>, name: Option<String>) -> Option<Constraint> {
    if reader.eat("check") {
        return check(reader, name);
    }
    if reader.eat_all(&["foreign", "key"]) {
        reader.eat_all(&["if", "not", "exists"]);
        let index = (!reader.is_symbol(&Token::LParen))
            .then(|| reader.ident())
            .flatten();
        let columns = parts(reader)?;
        return references(reader, name.or(index), columns);
    }
    let primary = reader.eat_all(&["primary", "key"]);
    let unique = !primary && reader.eat("unique");
    let special = ["fulltext", "spatial", "vector"]
        .into_iter()
        .find(|w| !primary && !unique && reader.eat(w));
    let index = reader.eat_any(&["index", "key"]);
    if !(primary || unique || special.is_some() || index) {
        return None;
    }
    reader.eat_all(&["if", "not", "exists"]);
    let own = (!reader.is_symbol(&Token::LParen) && !reader.is(0, "using"))
        .then(|| reader.ident())
        .flatten();
    let mut method = special.map(str::to_owned);
    using(reader, &mut method);
    let columns = parts(reader)?;
    options(reader, &mut method)?;
    let kind = if primary {
        ConstraintKind::PrimaryKey {
            columns,
            using_index: None,
        }
    } else if unique {
        ConstraintKind::Unique {
            columns,
            using_index: None,
        }
    } else {
        ConstraintKind::Index { columns, method }
    };
    let mut constraint = plain(kind);
    // A primary key is called PRIMARY whatever is written.
    constraint.name = if primary { None } else { own.or(name) };
    Some(constraint)
}

/// `CREATE [UNIQUE] INDEX name [USING m] ON t (parts) options`, behind the word INDEX: the
/// caller has read name and table.
pub(super) fn of_index(
    reader: &mut Reader<'_>,
    name: String,
    first: Option<&str>,
    mut method: Option<String>,
) -> Option<Constraint> {
    let columns = parts(reader)?;
    options(reader, &mut method)?;
    let kind = match first {
        Some("unique") => ConstraintKind::Unique {
            columns,
            using_index: None,
        },
        Some(special) => ConstraintKind::Index {
            columns,
            method: Some(special.to_owned()),
        },
        None => ConstraintKind::Index { columns, method },
    };
    let mut constraint = plain(kind);
    constraint.name = Some(name);
    Some(constraint)
}

/// CHECK or REFERENCES at a column.
pub(super) fn of_column(reader: &mut Reader<'_>, column: &str) -> Option<Constraint> {
    let mut name = None;
    if reader.eat("constraint") && !reader.is_any(&["check", "references"]) {
        name = Some(reader.ident()?);
    }
    if reader.eat("check") {
        return check(reader, name);
    }
    references(reader, name, vec![column.to_owned()])
}

pub(super) fn using(reader: &mut Reader<'_>, method: &mut Option<String>) {
    if reader.eat_any(&["using", "type"])
        && let Some(word) = reader.ident()
    {
        method.get_or_insert(word.to_ascii_lowercase());
    }
}

/// `(a, b(10) DESC, (lower(c)))`: names, with the length of a prefix; expressions in parentheses.
fn parts(reader: &mut Reader<'_>) -> Option<Vec<String>> {
    commas(reader.parens()?)
        .into_iter()
        .map(|part| {
            let mut part = Reader::new(part);
            let mut name = if part.is_symbol(&Token::LParen) {
                format!("({})", text(part.parens()?))
            } else {
                part.ident()?
            };
            if let Some(length) = part.parens() {
                name.push_str(&format!("({})", text(length)));
            }
            part.eat_any(&["asc", "desc"]);
            part.done().then_some(name)
        })
        .collect()
}

fn options(reader: &mut Reader<'_>, method: &mut Option<String>) -> Option<()> {
    loop {
        if reader.is(0, "using") {
            using(reader, method);
        } else if reader.eat_any(&["key_block_size", "m", "distance", "clustering"]) {
            reader.setting()?;
        } else if reader.eat_all(&["with", "parser"]) {
            reader.ident()?;
        } else if reader.eat_any(&["comment", "engine_attribute", "secondary_engine_attribute"]) {
            reader.symbol(&Token::Eq);
            reader.string()?;
        } else if !reader.eat_any(&["visible", "invisible", "ignored"])
            && !reader.eat_all(&["not", "ignored"])
        {
            return Some(());
        }
    }
}

fn check(reader: &mut Reader<'_>, name: Option<String>) -> Option<Constraint> {
    let inner = reader.parens()?;
    let mut constraint = plain(ConstraintKind::Check(Expr {
        text: text(inner),
        volatility: Volatility::Fixed,
        not_null_of: None,
    }));
    constraint.name = name;
    constraint.not_enforced = reader.eat_all(&["not", "enforced"]);
    reader.eat("enforced");
    Some(constraint)
}

fn references(
    reader: &mut Reader<'_>,
    name: Option<String>,
    columns: Vec<String>,
) -> Option<Constraint> {
    if !reader.eat("references") {
        return None;
    }
    let table = reader.name()?;
    if reader.is_symbol(&Token::LParen) {
        parts(reader)?;
    }
    let mut on_delete = None;
    loop {
        if reader.eat("match") {
            reader.ident()?;
        } else if reader.eat_all(&["on", "delete"]) {
            on_delete = Some(action(reader)?);
        } else if reader.eat_all(&["on", "update"]) {
            action(reader)?;
        } else {
            break;
        }
    }
    let mut constraint = plain(ConstraintKind::ForeignKey(ForeignKey {
        table,
        columns,
        to: Vec::new(),
        on_delete,
        match_full: false,
    }));
    constraint.name = name;
    Some(constraint)
}

fn action(reader: &mut Reader<'_>) -> Option<String> {
    for (words, text) in [
        (&["set", "null"][..], "set null"),
        (&["set", "default"], "set default"),
        (&["no", "action"], "no action"),
        (&["cascade"], "cascade"),
        (&["restrict"], "restrict"),
    ] {
        if reader.eat_all(words) {
            return Some(text.to_owned());
        }
    }
    None
}
