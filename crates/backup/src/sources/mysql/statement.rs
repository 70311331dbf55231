//! What one statement of a dump does. Whatever a dump has no need of is refused: what is restored
//! runs with the rights of whoever restores, beside the live database.

use super::body;
use super::scanner::{Escapes, Refusal};
use super::tokens::{Token, Tokens};

/// What a statement makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Table,
    View,
    Sequence,
    Trigger,
    Function,
    Procedure,
    Event,
    Package,
    PackageBody,
}

impl Object {
    const WORDS: &[(&str, Object)] = &[
        ("TABLE", Object::Table),
        ("VIEW", Object::View),
        ("SEQUENCE", Object::Sequence),
        ("TRIGGER", Object::Trigger),
        ("FUNCTION", Object::Function),
        ("PROCEDURE", Object::Procedure),
        ("EVENT", Object::Event),
        ("PACKAGE", Object::Package),
    ];

    fn of(token: &Token<'_>) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(word, _)| token.is(word));
        found.map(|(_, object)| *object)
    }

    /// As it stands before the name in a fingerprint.
    pub(super) fn word(self) -> &'static str {
        match self {
            Object::Table => "table",
            Object::View => "view",
            Object::Sequence => "sequence",
            Object::Trigger => "trigger",
            Object::Function => "function",
            Object::Procedure => "procedure",
            Object::Event => "event",
            Object::Package => "package",
            Object::PackageBody => "package body",
        }
    }

    /// Whether it is code that runs in statements of its own.
    pub(super) fn has_body(self) -> bool {
        !matches!(self, Object::Table | Object::View | Object::Sequence)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// Settings of the session, by lowercase name.
    Set(Vec<(String, String)>),
    Create(Create),
    Drop(Object, String),
    /// The value that a sequence gives out next.
    SetVal(String, i64),
    /// The default character set and collation, without the database's name.
    AlterDatabase(String),
    /// Nothing that has to be known about.
    Other,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Create {
    pub(super) object: Object,
    pub(super) name: String,
    /// The number of the token behind the name.
    pub(super) behind: usize,
    /// The table that a trigger is on, and the name of its database, with the bytes that name it.
    pub(super) on: Option<String>,
    /// Bytes that name the database of the trigger or of its table, and that name.
    pub(super) qualifiers: Vec<(std::ops::Range<usize>, String)>,
}

/// Settings that dumps change. None of them outlives the session.
const SETTINGS: &[&str] = &[
    "autocommit",
    "character_set_client",
    "character_set_results",
    "collation_connection",
    "default_storage_engine",
    "default_table_access_method",
    "foreign_key_checks",
    "names",
    "show_create_table_skip_secondary_engine",
    "sql_log_bin",
    "sql_mode",
    "sql_notes",
    "sql_quote_show_create",
    "system_versioning_insert_history",
    "time_zone",
    "unique_checks",
];

/// What of the session's `sql_mode` decides how text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) escapes: Escapes,
    dialect: Dialect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Own,
    /// MariaDB's imitation of PL/SQL.
    Oracle,
}

impl Default for Mode {
    fn default() -> Self {
        Self::of("")
    }
}

impl Mode {
    pub(super) fn of(sql_mode: &str) -> Self {
        let sql_mode = sql_mode.to_ascii_uppercase();
        Self {
            escapes: if sql_mode.contains("NO_BACKSLASH_ESCAPES") {
                Escapes::None
            } else {
                Escapes::Backslash
            },
            dialect: if sql_mode.contains("ORACLE") {
                Dialect::Oracle
            } else {
                Dialect::Own
            },
        }
    }
}

pub(super) fn read(tokens: &Tokens<'_>, mode: Mode) -> Result<Statement, Refusal> {
    let list = &tokens.list;
    let Some(first) = list.first() else {
        return Ok(Statement::Other);
    };
    let words = |words: &[&str]| {
        list.len() >= words.len() && list.iter().zip(words).all(|(token, word)| token.is(word))
    };
    if !first.is("CREATE") && list.iter().any(|token| token.is_sign(b';')) {
        return refused(tokens);
    }
    if first.is("SET") {
        return set(tokens);
    }
    if first.is("CREATE") {
        return create(tokens, mode);
    }
    if first.is("DROP") {
        return drop(tokens);
    }
    if words(&["DO", "SETVAL"]) {
        return setval(tokens);
    }
    if words(&["ALTER", "DATABASE"]) {
        return alter_database(tokens);
    }
    let harmless = match list.as_slice() {
        [lock, tables, name, write] => {
            lock.is("LOCK")
                && tables.is_one_of(&["TABLE", "TABLES"])
                && name.name().is_some()
                && write.is("WRITE")
        }
        [unlock, tables] if unlock.is("UNLOCK") => tables.is_one_of(&["TABLE", "TABLES"]),
        [start, transaction] => start.is("START") && transaction.is("TRANSACTION"),
        [commit] => commit.is("COMMIT"),
        [alter, table, name, able, keys] => {
            alter.is("ALTER")
                && table.is("TABLE")
                && name.name().is_some()
                && able.is_one_of(&["DISABLE", "ENABLE"])
                && keys.is("KEYS")
        }
        _ => false,
    };
    if harmless {
        return Ok(Statement::Other);
    }
    if first.is("USE") || words(&["CREATE", "DATABASE"]) {
        return Refusal::new("it names a database of its own, as a dump of several databases does");
    }
    refused(tokens)
}

fn refused<T>(tokens: &Tokens<'_>) -> Result<T, Refusal> {
    let begin: Vec<&str> = tokens.list.iter().take(3).map(|token| token.text).collect();
    let begin: String = begin.join(" ").chars().take(60).collect();
    Refusal::new(format!(
        "dumps have no need of a statement such as {begin:?}"
    ))
}

fn set(tokens: &Tokens<'_>) -> Result<Statement, Refusal> {
    let mut settings = Vec::new();
    let list = &tokens.list[1..];
    for part in list.split(|token| token.is_sign(b',')) {
        // `SET NAMES utf8mb4` has no sign between the two.
        let (name, value) = match part.iter().position(|token| token.is_sign(b'=')) {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => match part {
                [names, rest @ ..] if names.is("NAMES") => (&part[..1], rest),
                _ => return refused(tokens),
            },
        };
        let name: String = name.iter().map(|token| token.text).collect();
        let name = name.trim_end_matches(':').to_ascii_lowercase();
        let simple = name
            .trim_start_matches("@@")
            .trim_start_matches("session.")
            .to_owned();
        let ours = simple.starts_with('@') && !simple.starts_with("@@");
        // For replicas; `gtid_purged` is the server's.
        let replication = simple == "global.gtid_purged";
        if !ours && !replication && !SETTINGS.contains(&simple.as_str()) {
            return refused(tokens);
        }
        if value.iter().any(|token| token.is_sign(b'(')) {
            return refused(tokens);
        }
        let value: String = value.iter().map(|token| token.text).collect();
        settings.push((simple, value));
    }
    Ok(Statement::Set(settings))
}

fn drop(tokens: &Tokens<'_>) -> Result<Statement, Refusal> {
    let list = &tokens.list;
    let object = list.get(1).and_then(Object::of);
    let (object, at) = match (object, list.get(2)) {
        (Some(Object::Package), Some(body)) if body.is("BODY") => (Some(Object::PackageBody), 3),
        (object, _) => (object, 2),
    };
    let Some((object, [r#if, exists, name])) = object.zip(list.get(at..)) else {
        return refused(tokens);
    };
    match name.name() {
        Some(name) if r#if.is("IF") && exists.is("EXISTS") => Ok(Statement::Drop(object, name)),
        _ => refused(tokens),
    }
}

fn setval(tokens: &Tokens<'_>) -> Result<Statement, Refusal> {
    let [_, _, open, name, comma, rest @ ..] = tokens.list.as_slice() else {
        return refused(tokens);
    };
    let text: String = rest.iter().map(|token| token.text).collect();
    let value = text
        .strip_suffix(",0)")
        .and_then(|value| value.parse().ok());
    match (name.name(), value) {
        (Some(name), Some(value)) if open.is_sign(b'(') && comma.is_sign(b',') => {
            Ok(Statement::SetVal(name, value))
        }
        _ => refused(tokens),
    }
}

/// As `mariadb-dump` writes it around what was made when the database had another default. It
/// names the database that was dumped, which is not the one that is restored into.
fn alter_database(tokens: &Tokens<'_>) -> Result<Statement, Refusal> {
    let rest = &tokens.list[2..];
    let rest = match rest {
        [name, rest @ ..] if rest.len() == 5 && name.name().is_some() => rest,
        rest => rest,
    };
    match rest {
        [character, set, charset, collate, collation]
            if character.is("CHARACTER") && set.is("SET") && collate.is("COLLATE") =>
        {
            let (charset, collation) = (charset.text, collation.text);
            Ok(Statement::AlterDatabase(format!(
                "CHARACTER SET {charset} COLLATE {collation}"
            )))
        }
        _ => refused(tokens),
    }
}

fn create(tokens: &Tokens<'_>, mode: Mode) -> Result<Statement, Refusal> {
    let list = &tokens.list;
    let mut at = 1;
    let is = |at: usize, word: &str| list.get(at).is_some_and(|token| token.is(word));
    let sign = |at: usize, sign: u8| list.get(at).is_some_and(|token| token.is_sign(sign));
    let object = loop {
        let Some(token) = list.get(at) else {
            return refused(tokens);
        };
        if token.is("OR") && is(at + 1, "REPLACE") {
            at += 2;
        } else if token.is("ALGORITHM") && sign(at + 1, b'=') {
            at += 3;
        } else if token.is("DEFINER") && sign(at + 1, b'=') {
            at += if sign(at + 3, b'@') { 5 } else { 3 };
        } else if token.is("SQL") && is(at + 1, "SECURITY") {
            at += 3;
        } else if token.is("AGGREGATE") {
            at += 1;
        } else if let Some(object) = Object::of(token) {
            at += 1;
            break object;
        } else if token.is_one_of(&["DATABASE", "SCHEMA"]) {
            return Refusal::new(
                "it names a database of its own, as a dump of several databases does",
            );
        } else {
            return refused(tokens);
        }
    };
    let object = if object == Object::Package && is(at, "BODY") {
        at += 1;
        Object::PackageBody
    } else {
        object
    };
    if is(at, "IF") && is(at + 1, "NOT") && is(at + 2, "EXISTS") {
        at += 3;
    }
    let mut create = Create {
        object,
        name: String::new(),
        behind: 0,
        on: None,
        qualifiers: Vec::new(),
    };
    (create.name, at) = name(tokens, at, &mut create.qualifiers)?;
    if object == Object::Trigger {
        // BEFORE INSERT ON `orders`
        let [_, _, on] = list.get(at..at + 3).unwrap_or_default() else {
            return refused(tokens);
        };
        if !on.is("ON") {
            return refused(tokens);
        }
        let table;
        (table, at) = name(tokens, at + 3, &mut create.qualifiers)?;
        create.on = Some(table);
    } else if !create.qualifiers.is_empty() {
        return Refusal::new(format!(
            "{} {} is to be made in a database of its own",
            object.word(),
            create.name
        ));
    }
    create.behind = at;
    if object.has_body() {
        if mode.dialect == Dialect::Own {
            body::check(&list[at..])?;
        }
    } else if list.iter().any(|token| token.is_sign(b';'))
        || (object == Object::Table && list[at..].iter().any(|token| token.is("SELECT")))
    {
        return refused(tokens);
    }
    Ok(Statement::Create(create))
}

/// A name, and the number of the token behind it.
fn name(
    tokens: &Tokens<'_>,
    at: usize,
    qualifiers: &mut Vec<(std::ops::Range<usize>, String)>,
) -> Result<(String, usize), Refusal> {
    let list = &tokens.list;
    let Some(first) = list.get(at).and_then(Token::name) else {
        return refused(tokens);
    };
    if !list.get(at + 1).is_some_and(|dot| dot.is_sign(b'.')) {
        return Ok((first, at + 1));
    }
    let (Some(database), Some(second)) = (list.get(at), list.get(at + 2)) else {
        return refused(tokens);
    };
    qualifiers.push((database.at..second.at, first));
    match second.name() {
        Some(second) => Ok((second, at + 3)),
        None => refused(tokens),
    }
}
