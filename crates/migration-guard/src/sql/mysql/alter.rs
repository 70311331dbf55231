use sqlparser::tokenizer::Token;

use crate::sql::model::{AlterTable, Kind, Object, TableAction};
use crate::sql::mysql::reader::{Reader, commas, says, text};
use crate::sql::mysql::{alter_options, column, key, partition};

/// Behind ALTER TABLE. An action that is not understood is `Other` and hides no other one.
pub(super) fn table(reader: &mut Reader<'_>) -> Option<Kind> {
    let if_exists = reader.eat_all(&["if", "exists"]);
    let table = reader.name()?;
    if reader.eat("wait") {
        reader.value()?;
    }
    reader.eat("nowait");
    let mut actions = Vec::new();
    while !reader.done() {
        let segment = segment(reader);
        match action(segment) {
            Some(found) => actions.extend(found),
            None => actions.push(other(segment)),
        }
        if !reader.symbol(&Token::Comma) && segment.is_empty() {
            return None;
        }
    }
    Some(Kind::AlterTable(AlterTable {
        table,
        object: Object::Table,
        if_exists,
        actions,
    }))
}

fn other(segment: &[Token]) -> TableAction {
    TableAction::Other(text(&segment[..segment.len().min(4)]))
}

/// Up to the next comma, or to what follows without one: PARTITION BY, REMOVE PARTITIONING.
/// Lists of partitions and columns have commas of their own.
fn segment<'a>(reader: &mut Reader<'a>) -> &'a [Token] {
    let rest = reader.rest();
    let greedy = reader.is(0, "order")
        || rest
            .iter()
            .take(2)
            .any(|t| says(t, "partition") || says(t, "partitioning"))
        || (reader.is(0, "convert") && reader.is(1, "table"));
    let mut depth = 0usize;
    let end = rest.iter().enumerate().position(|(at, token)| {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        let next = rest.get(at + 1);
        let partitions = at > 0
            && (says(token, "partition") && next.is_some_and(|t| says(t, "by"))
                || says(token, "remove") && next.is_some_and(|t| says(t, "partitioning")));
        depth == 0 && !greedy && (*token == Token::Comma || partitions)
    });
    let segment = &rest[..end.unwrap_or(rest.len())];
    reader.skip(segment.len());
    segment
}

fn action(segment: &[Token]) -> Option<Vec<TableAction>> {
    let mut reader = Reader::new(segment);
    if let Some(change) = partition::action(&mut reader) {
        let mut actions = vec![change];
        if !reader.done() {
            actions.push(other(reader.rest()));
        }
        return Some(actions);
    }
    let found = match reader.ident()?.to_ascii_lowercase().as_str() {
        "add" => return add(&mut reader),
        "alter" => vec![alter(&mut reader)?],
        "change" => {
            reader.eat("column");
            reader.eat_all(&["if", "exists"]);
            let from = reader.ident()?;
            return redefine(Some(from), reader.rest());
        }
        "modify" => {
            reader.eat("column");
            reader.eat_all(&["if", "exists"]);
            return redefine(None, reader.rest());
        }
        "drop" => vec![drop(&mut reader)?],
        "rename" => vec![rename(&mut reader)?],
        "algorithm" => vec![setting("algorithm", reader.setting()?)],
        "lock" => vec![setting("lock", reader.setting()?)],
        "force" => vec![setting("force", String::new())],
        "order" => {
            let rest = reader.rest().len();
            reader.skip(rest);
            vec![setting("order_by", String::new())]
        }
        "disable" | "enable" if reader.eat("keys") => vec![setting("keys", String::new())],
        "discard" | "import" if reader.eat("tablespace") => {
            vec![setting("tablespace_file", String::new())]
        }
        "with" | "without" if reader.eat("validation") => {
            vec![setting("validation", String::new())]
        }
        "convert" => {
            reader.eat("to");
            if !reader.eat_all(&["character", "set"]) && !reader.eat("charset") {
                return None;
            }
            let to = reader.setting()?.to_ascii_lowercase();
            if reader.eat("collate") {
                reader.setting()?;
            }
            vec![TableAction::ConvertCharset { to }]
        }
        _ => {
            reader = Reader::new(segment);
            alter_options::read(&mut reader)
                .into_iter()
                .map(|(name, value)| TableAction::Setting { name, value })
                .collect()
        }
    };
    (reader.done() && !found.is_empty()).then_some(found)
}

fn setting(name: &str, value: String) -> TableAction {
    TableAction::Setting {
        name: name.to_owned(),
        value: value.to_ascii_lowercase(),
    }
}

fn add(reader: &mut Reader<'_>) -> Option<Vec<TableAction>> {
    if reader.eat_all(&["system", "versioning"]) {
        return reader
            .done()
            .then(|| vec![setting("system_versioning", String::new())]);
    }
    let column = reader.eat("column");
    if !column && key::begins(reader) {
        return Some(vec![TableAction::AddConstraint(key::definition(
            reader.rest(),
        )?)]);
    }
    let if_not_exists = reader.eat_all(&["if", "not", "exists"]);
    let definitions = if reader.is_symbol(&Token::LParen) {
        let inner = reader.parens()?;
        if !reader.done() {
            return None;
        }
        commas(inner)
    } else {
        vec![reader.rest()]
    };
    definitions
        .into_iter()
        .map(|definition| {
            Some(if key::begins(&Reader::new(definition)) {
                TableAction::AddConstraint(key::definition(definition)?)
            } else {
                TableAction::AddColumn {
                    column: column::definition(definition)?,
                    if_not_exists,
                }
            })
        })
        .collect()
}

fn alter(reader: &mut Reader<'_>) -> Option<TableAction> {
    if reader.eat("index") || reader.eat("key") {
        reader.eat_all(&["if", "exists"]);
        reader.ident()?;
        reader.eat("not");
        return reader
            .eat_any(&["visible", "invisible", "ignored"])
            .then(|| setting("index_visibility", String::new()));
    }
    if reader.eat_any(&["check", "constraint"]) {
        reader.ident()?;
        if reader.eat_all(&["not", "enforced"]) {
            return Some(setting("not_enforced", String::new()));
        }
        return reader
            .eat("enforced")
            .then_some(TableAction::AlterConstraint);
    }
    reader.eat("column");
    reader.eat_all(&["if", "exists"]);
    let column = reader.ident()?;
    if reader.eat_all(&["set", "default"]) {
        let value = column::default(reader)?;
        return Some(TableAction::SetDefault { column, value });
    }
    if reader.eat_all(&["drop", "default"]) {
        return Some(TableAction::DropDefault { column });
    }
    (reader.eat("set") && reader.eat_any(&["visible", "invisible"]))
        .then_some(TableAction::ColumnTuning)
}

fn redefine(from: Option<String>, definition: &[Token]) -> Option<Vec<TableAction>> {
    let column = column::definition(definition)?;
    let from = from.unwrap_or_else(|| column.name.clone());
    let to = column.name.clone();
    let mut actions = vec![TableAction::RedefineColumn {
        from: from.clone(),
        column,
    }];
    if !from.eq_ignore_ascii_case(&to) {
        actions.push(TableAction::RenameColumn { from, to });
    }
    Some(actions)
}

fn drop(reader: &mut Reader<'_>) -> Option<TableAction> {
    if reader.eat_all(&["primary", "key"]) {
        return Some(TableAction::DropPrimaryKey);
    }
    if reader.eat_all(&["system", "versioning"]) {
        return Some(setting("system_versioning", String::new()));
    }
    if reader.eat_any(&["index", "key"]) {
        let if_exists = reader.eat_all(&["if", "exists"]);
        let name = reader.ident()?;
        return Some(TableAction::DropIndex { name, if_exists });
    }
    if reader.eat_all(&["foreign", "key"]) || reader.eat_any(&["constraint", "check"]) {
        let if_exists = reader.eat_all(&["if", "exists"]);
        return Some(TableAction::DropConstraint {
            name: reader.ident()?,
            if_exists,
            cascade: false,
        });
    }
    reader.eat("column");
    let if_exists = reader.eat_all(&["if", "exists"]);
    let column = reader.ident()?;
    // Both words are taken and do nothing.
    reader.eat_any(&["restrict", "cascade"]);
    Some(TableAction::DropColumn {
        column,
        if_exists,
        cascade: false,
    })
}

fn rename(reader: &mut Reader<'_>) -> Option<TableAction> {
    if reader.eat("column") {
        reader.eat_all(&["if", "exists"]);
        let from = reader.ident()?;
        let to = reader.eat("to").then(|| reader.ident())??;
        return Some(TableAction::RenameColumn { from, to });
    }
    if reader.eat_any(&["index", "key"]) {
        reader.eat_all(&["if", "exists"]);
        let from = reader.ident()?;
        let to = reader.eat("to").then(|| reader.ident())??;
        return Some(TableAction::RenameIndex { from, to });
    }
    if !reader.eat_any(&["to", "as"]) {
        reader.symbol(&Token::Eq);
    }
    let to = reader.name()?;
    Some(TableAction::RenameTable {
        to: column::quoted(&to),
    })
}
