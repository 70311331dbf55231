use sqlparser::tokenizer::Token;

use crate::sql::model::{
    AlterTable, ConstraintKind, CreateFunction, CreateTable, Drop, Fires, Kind, Name, Object,
    TableAction,
};
use crate::sql::mysql::reader::{Reader, commas, says};
use crate::sql::mysql::{alter_options, column, data, key};

/// Behind CREATE.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Kind> {
    let or_replace = reader.eat_all(&["or", "replace"]);
    let temporary = reader.eat("temporary");
    if reader.eat("table") {
        return table(reader, or_replace, temporary);
    }
    let first = ["unique", "fulltext", "spatial", "vector"]
        .into_iter()
        .find(|w| reader.eat(w));
    if reader.eat("index") {
        return index(reader, first);
    }
    if reader.eat_any(&["database", "schema"]) {
        reader.eat_all(&["if", "not", "exists"]);
        reader.ident()?;
        return settings(reader);
    }
    if reader.eat_any(&["user", "role"]) {
        return Some(Kind::Roles);
    }
    if reader.eat("sequence") {
        let if_not_exists = reader.eat_all(&["if", "not", "exists"]);
        let name = reader.name()?;
        return Some(Kind::CreateSequence {
            name,
            if_not_exists,
        });
    }
    if reader.eat_any(&["server", "event"]) {
        return Some(Kind::CreateOther);
    }
    routine(reader, or_replace)
}

/// The settings of a database, to the end.
pub(super) fn settings(reader: &mut Reader<'_>) -> Option<Kind> {
    let settings = alter_options::read(reader);
    reader.done().then_some(Kind::DatabaseSettings { settings })
}

/// VIEW, TRIGGER, PROCEDURE, FUNCTION, EVENT, behind ALGORITHM=, DEFINER= and SQL SECURITY.
fn routine(reader: &mut Reader<'_>, or_replace: bool) -> Option<Kind> {
    let mut invoker = false;
    loop {
        if reader.eat("algorithm") {
            reader.setting()?;
        } else if reader.eat("definer") {
            reader.symbol(&Token::Eq);
            // `user`@`host`, current_user(), in one token or three.
            while !reader.done()
                && !reader.is_any(&["sql", "view", "trigger", "procedure", "function", "event"])
            {
                reader.skip(1);
            }
        } else if reader.eat_all(&["sql", "security"]) {
            invoker = reader.is(0, "invoker");
            reader.ident()?;
        } else if !reader.eat("aggregate") {
            break;
        }
    }
    if reader.eat("view") {
        reader.eat_all(&["if", "not", "exists"]);
        let name = reader.name()?;
        if reader.is_symbol(&Token::LParen) {
            reader.parens()?;
        }
        if !reader.eat("as") || !data::is_query(reader.rest()) {
            return None;
        }
        return Some(Kind::CreateView { name, or_replace });
    }
    if reader.eat("event") {
        return Some(Kind::CreateOther);
    }
    if reader.eat("trigger") {
        reader.eat_all(&["if", "not", "exists"]);
        reader.name()?;
        while !reader.done() {
            if reader.eat("on") {
                return Some(Kind::CreateTrigger {
                    table: reader.name()?,
                    fires: Fires::default(),
                });
            }
            reader.skip(1);
        }
        return None;
    }
    if reader.eat_any(&["procedure", "function"]) {
        reader.eat_all(&["if", "not", "exists"]);
        let name = reader.name()?;
        let body = reader.rest();
        let dynamic = body.iter().any(|t| says(t, "prepare"));
        return Some(Kind::CreateFunction(CreateFunction {
            name,
            or_replace,
            security_definer: !invoker,
            sets_search_path: true,
            dynamic,
        }));
    }
    None
}

fn index(reader: &mut Reader<'_>, first: Option<&str>) -> Option<Kind> {
    reader.eat_all(&["if", "not", "exists"]);
    let name = reader.ident()?;
    let mut method = None;
    key::using(reader, &mut method);
    if !reader.eat("on") {
        return None;
    }
    let table = reader.name()?;
    let constraint = key::of_index(reader, name, first, method)?;
    let mut actions = vec![TableAction::AddConstraint(constraint)];
    trailing(reader, &mut actions)?;
    Some(alter(table, actions))
}

/// ALGORITHM and LOCK behind CREATE INDEX and DROP INDEX.
pub(super) fn trailing(reader: &mut Reader<'_>, actions: &mut Vec<TableAction>) -> Option<()> {
    while !reader.done() {
        reader.symbol(&Token::Comma);
        let name = ["algorithm", "lock"].into_iter().find(|w| reader.eat(w))?;
        actions.push(TableAction::Setting {
            name: name.to_owned(),
            value: reader.setting()?.to_ascii_lowercase(),
        });
    }
    Some(())
}

pub(super) fn alter(table: Name, actions: Vec<TableAction>) -> Kind {
    Kind::AlterTable(AlterTable {
        table,
        object: Object::Table,
        if_exists: false,
        actions,
    })
}

fn table(reader: &mut Reader<'_>, or_replace: bool, temporary: bool) -> Option<Kind> {
    let if_not_exists = reader.eat_all(&["if", "not", "exists"]);
    let name = reader.name()?;
    let mut it = CreateTable {
        table: name.clone(),
        if_not_exists,
        temporary,
        until_commit: false,
        unlogged: false,
        columns: Vec::new(),
        constraints: Vec::new(),
        like: Vec::new(),
        partition_of: None,
        default_partition: false,
        partition_by: None,
        inherits: Vec::new(),
        options: String::new(),
    };
    let query_only = reader.is_symbol(&Token::LParen) && {
        let mut inner = reader.clone();
        inner.symbol(&Token::LParen);
        inner.is_any(&["select", "with", "values"])
    };
    if reader.eat("like") {
        it.like.push(reader.name()?);
    } else if reader.is_symbol(&Token::LParen) && !query_only {
        let inner = reader.parens()?;
        if let Some(first) = inner.first()
            && says(first, "like")
        {
            let mut inner = Reader::new(inner);
            inner.skip(1);
            it.like.push(inner.name()?);
        } else {
            definitions(inner, &mut it)?;
        }
    }
    let options = alter_options::read(reader);
    it.options = alter_options::joined(&options);
    if reader.eat_all(&["partition", "by"]) {
        it.partition_by = Some(Vec::new());
        // What follows says how, up to the query of CREATE TABLE … AS.
        while !reader.done() && !reader.is_any(&["as", "select", "ignore", "replace"]) {
            reader.skip(1);
        }
    }
    let created = if reader.done() {
        Kind::CreateTable(it)
    } else {
        reader.eat_any(&["ignore", "replace"]);
        reader.eat("as");
        if !data::is_query(reader.rest()) {
            return None;
        }
        Kind::CreateTableAs {
            table: name.clone(),
            if_not_exists,
            temporary,
            until_commit: false,
            with_data: true,
        }
    };
    if !or_replace {
        return Some(created);
    }
    // MariaDB drops the table that has the name.
    let dropped = Kind::Drop(Drop {
        object: Object::Table,
        names: vec![match temporary {
            true => Name::temporary(name.key()),
            false => name,
        }],
        if_exists: true,
        cascade: false,
        concurrently: false,
        on: None,
    });
    Some(Kind::Several(vec![dropped, created]))
}

fn definitions(inner: &[Token], it: &mut CreateTable) -> Option<()> {
    for part in commas(inner) {
        let reader = Reader::new(part);
        if key::begins(&reader) {
            it.constraints.push(key::definition(part)?);
        } else if reader.is(0, "period") && reader.is(1, "for") {
            continue;
        } else {
            let mut column = column::definition(part)?;
            // `SERIAL` is unique by itself.
            for constraint in &mut column.constraints {
                if let ConstraintKind::Unique { columns, .. } = &mut constraint.kind
                    && columns.is_empty()
                {
                    columns.push(column.name.clone());
                }
            }
            it.columns.push(column);
        }
    }
    Some(())
}
