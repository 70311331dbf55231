use sqlparser::tokenizer::Token;

use crate::sql::model::{Column, Constraint, ConstraintKind, Expr, Name, Type, Volatility};
use crate::sql::mysql::key;
use crate::sql::mysql::reader::{Reader, commas, text};

/// `name type attributes…` to the end of the tokens; `None` for what is not understood.
pub(super) fn definition(tokens: &[Token]) -> Option<Column> {
    let mut reader = Reader::new(tokens);
    let name = reader.ident()?;
    let mut constraints = Vec::new();
    let ty = type_of(&mut reader, &mut constraints)?;
    while !reader.done() {
        attribute(&mut reader, &name, &mut constraints)?;
    }
    Some(Column {
        name,
        ty,
        constraints,
    })
}

pub(super) fn plain(kind: ConstraintKind) -> Constraint {
    Constraint {
        name: None,
        kind,
        not_valid: false,
        not_enforced: false,
        deferrable: false,
        nulls_not_distinct: false,
    }
}

/// A type under the name that the server gives it. Display widths of integers say nothing.
fn type_of(reader: &mut Reader<'_>, out: &mut Vec<Constraint>) -> Option<Type> {
    let first = reader.ident()?.to_ascii_lowercase();
    let mut name = match first.as_str() {
        "integer" | "int4" => "int",
        "int8" => "bigint",
        "int3" | "middleint" => "mediumint",
        "int2" => "smallint",
        "int1" => "tinyint",
        "bool" | "boolean" => "tinyint",
        "dec" | "numeric" | "fixed" => "decimal",
        "real" | "float8" => "double",
        "float4" => "float",
        "character" | "nchar" => "char",
        "nvarchar" | "varcharacter" => "varchar",
        other => other,
    }
    .to_owned();
    match name.as_str() {
        "double" => {
            reader.eat("precision");
        }
        "national" => {
            let varying = reader.eat_any(&["varchar", "varcharacter"]);
            let char = !varying && reader.eat_any(&["char", "character"]);
            if !varying && !char {
                return None;
            }
            name = if varying || reader.eat("varying") {
                "varchar"
            } else {
                "char"
            }
            .to_owned();
        }
        "char" if reader.eat("varying") => "varchar".clone_into(&mut name),
        "long" => {
            let binary = reader.eat("varbinary");
            if !binary && !reader.eat_all(&["char", "varying"]) {
                reader.eat_any(&["varchar", "varcharacter"]);
            }
            name = if binary { "mediumblob" } else { "mediumtext" }.to_owned();
        }
        "serial" => {
            "bigint unsigned".clone_into(&mut name);
            out.push(plain(ConstraintKind::NotNull { column: None }));
            out.push(plain(ConstraintKind::AutoIncrement));
            out.push(plain(unique(Vec::new())));
        }
        _ => {}
    }
    let mut args = Vec::new();
    if reader.is_symbol(&Token::LParen) {
        let inner = reader.parens()?;
        if matches!(name.as_str(), "enum" | "set") {
            let members: Option<Vec<String>> = commas(inner)
                .into_iter()
                .map(|part| Reader::new(part).string())
                .collect();
            out.push(plain(ConstraintKind::Members(members?)));
        } else {
            let numbers: Option<Vec<i64>> = commas(inner)
                .into_iter()
                .map(|part| Reader::new(part).value()?.parse().ok())
                .collect();
            args = numbers?;
        }
    }
    let integer = name.ends_with("int");
    let mut unsigned = false;
    loop {
        if reader.eat("unsigned") || reader.eat("zerofill") {
            unsigned = true;
        } else if !reader.eat("signed") {
            break;
        }
    }
    if integer {
        args.clear();
    }
    if unsigned {
        name.push_str(" unsigned");
    }
    Some(Type {
        name,
        args,
        array: false,
    })
}

fn unique(columns: Vec<String>) -> ConstraintKind {
    ConstraintKind::Unique {
        columns,
        using_index: None,
    }
}

fn attribute(reader: &mut Reader<'_>, column: &str, out: &mut Vec<Constraint>) -> Option<()> {
    let own = || vec![column.to_owned()];
    let kind = if reader.eat_all(&["not", "null"]) {
        ConstraintKind::NotNull {
            column: Some(column.to_owned()),
        }
    } else if reader.eat("null") {
        ConstraintKind::Null
    } else if reader.eat("default") {
        ConstraintKind::Default(default(reader)?)
    } else if reader.eat_all(&["on", "update"]) {
        default(reader)?;
        return Some(());
    } else if reader.eat_any(&["auto_increment", "autoincrement"]) {
        ConstraintKind::AutoIncrement
    } else if reader.eat("unique") {
        reader.eat("key");
        unique(own())
    } else if reader.eat_all(&["primary", "key"]) || reader.eat("key") || reader.eat("primary") {
        ConstraintKind::PrimaryKey {
            columns: own(),
            using_index: None,
        }
    } else if reader.eat("comment") {
        reader.string()?;
        ConstraintKind::Comment
    } else if reader.eat("collate") {
        ConstraintKind::Collate(reader.setting()?.to_ascii_lowercase())
    } else if reader.eat_all(&["character", "set"])
        || reader.eat_all(&["char", "set"])
        || reader.eat("charset")
    {
        ConstraintKind::Charset(reader.setting()?.to_ascii_lowercase())
    } else if reader.eat("ascii") {
        ConstraintKind::Charset("latin1".to_owned())
    } else if reader.eat("unicode") {
        ConstraintKind::Charset("ucs2".to_owned())
    } else if reader.eat("first") {
        ConstraintKind::Position(None)
    } else if reader.eat("after") {
        ConstraintKind::Position(Some(reader.ident()?))
    } else if reader.eat_all(&["generated", "always", "as"]) || reader.eat("as") {
        // AS ROW START: the columns of a system-versioned table.
        if reader.eat("row") {
            reader.eat_any(&["start", "end"]);
            return Some(());
        }
        reader.parens()?;
        if reader.eat_any(&["stored", "persistent"]) {
            ConstraintKind::Stored
        } else {
            reader.eat("virtual");
            ConstraintKind::Virtual
        }
    } else if reader.is_any(&["constraint", "check", "references"]) {
        out.push(key::of_column(reader, column)?);
        return Some(());
    } else {
        return silent(reader);
    };
    out.push(plain(kind));
    Some(())
}

/// Attributes that no rule asks about.
fn silent(reader: &mut Reader<'_>) -> Option<()> {
    if reader.eat_any(&["column_format", "storage", "srid", "ref_system_id"]) {
        reader.setting()?;
    } else if reader.eat_any(&["engine_attribute", "secondary_engine_attribute"]) {
        reader.symbol(&Token::Eq);
        reader.string()?;
    } else if reader.eat_any(&["with", "without"]) {
        if !reader.eat_all(&["system", "versioning"]) {
            return None;
        }
    } else if !reader.eat_any(&["visible", "invisible", "binary", "byte", "hidden"]) {
        if !reader.eat("compressed") {
            return None;
        }
        if reader.symbol(&Token::Eq) {
            reader.value()?;
        }
    }
    Some(())
}

/// The value of DEFAULT or ON UPDATE. A call in parentheses is worked out for each row.
pub(super) fn default(reader: &mut Reader<'_>) -> Option<Expr> {
    let from = reader.clone();
    let before = reader.rest().len();
    let volatility = if let Some(inner) = reader.parens() {
        let call = inner
            .windows(2)
            .any(|w| matches!(w[0], Token::Word(_)) && w[1] == Token::LParen);
        if call {
            Volatility::Volatile(text(inner))
        } else {
            Volatility::Fixed
        }
    } else if reader.eat_all(&["next", "value", "for"]) {
        Volatility::Volatile(reader.name()?.to_string())
    } else {
        let word = reader.value()?.to_ascii_lowercase();
        // An introducer, a date: DEFAULT _utf8mb4'x', DEFAULT DATE '2020-01-01'.
        if matches!(
            from.peek(),
            Some(Token::Word(w)) if w.quote_style.is_none()
        ) {
            reader.string();
        }
        let call = reader.is_symbol(&Token::LParen);
        if call {
            reader.parens()?;
        }
        let now = ["now", "current_timestamp", "localtime", "localtimestamp"];
        if call && !now.contains(&word.as_str()) {
            Volatility::Volatile(word)
        } else {
            Volatility::Fixed
        }
    };
    let used = before - reader.rest().len();
    Some(Expr {
        text: text(&from.rest()[..used]),
        volatility,
        not_null_of: None,
    })
}

/// A name for messages: MySQL quotes with backticks.
pub(crate) fn quoted(name: &Name) -> String {
    let one = |part: &str| {
        let plain = part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || b >= 0x80);
        if plain && !part.is_empty() {
            part.to_owned()
        } else {
            format!("`{}`", part.replace('`', "``"))
        }
    };
    match &name.schema {
        Some(schema) => format!("{}.{}", one(schema), one(&name.name)),
        None => one(&name.name),
    }
}
