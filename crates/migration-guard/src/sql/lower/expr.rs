use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::words::Words;
use crate::sql::model::{Expr, Name, Type, Volatility};
use crate::sql::types;

pub(super) fn path_ref(path: Option<ast::PathRef>) -> Name {
    let Some(path) = path else {
        return Name::bare("");
    };
    Name {
        schema: path.qualifier().and_then(|q| q.segment()).map(|s| s.text()),
        name: path.segment().map(|s| s.text()).unwrap_or_default(),
    }
}

pub(super) fn path(path: Option<ast::Path>) -> Name {
    let Some(path) = path else {
        return Name::bare("");
    };
    Name {
        schema: path.qualifier().and_then(|q| q.segment()).map(|s| s.text()),
        name: path.segment().map(|s| s.text()).unwrap_or_default(),
    }
}

/// The name that `node` spells, folded.
pub(super) fn ident<N: AstNode>(node: Option<N>) -> String {
    node.map(|n| ast::normalize_name_node(n.syntax()))
        .unwrap_or_default()
}

pub(super) fn ty(node: Option<ast::Type>) -> Type {
    let Some(node) = node else {
        return Type::default();
    };
    let words = Words::of(node.syntax());
    let mut name = String::new();
    let mut args = Vec::new();
    let mut array = false;
    let mut depth = 0;
    for at in 0..words.len() {
        match words.get(at) {
            "setof" => {}
            "array" | "[" => array = true,
            "(" => depth += 1,
            ")" => depth -= 1,
            number if depth > 0 => args.extend(number.parse::<i64>()),
            "]" => {}
            _ if array => {}
            word => {
                if !name.is_empty() && word != "." && !name.ends_with('.') {
                    name.push(' ');
                }
                name.push_str(word);
            }
        }
    }
    Type {
        name: types::canonical(&name).to_owned(),
        args,
        array,
    }
}

pub(super) fn expr(node: Option<ast::Expr>) -> Expr {
    let Some(node) = node else {
        return Expr {
            text: String::new(),
            volatility: Volatility::Fixed,
            not_null_of: None,
        };
    };
    let words = Words::of(node.syntax());
    Expr {
        text: node.syntax().text().to_string(),
        volatility: volatility(node.syntax()),
        not_null_of: not_null_of(&words),
    }
}

/// The functions that `node` calls, by their last name.
pub(super) fn functions(node: &SyntaxNode) -> Vec<String> {
    node.descendants()
        .filter_map(ast::CallExpr::cast)
        .filter_map(|call| call.expr())
        .map(|callee| {
            let words = Words::of(callee.syntax());
            words.get(words.len().saturating_sub(1)).to_owned()
        })
        .collect()
}

fn volatility(node: &SyntaxNode) -> Volatility {
    let mut unknown = None;
    for function in functions(node) {
        if VOLATILE.contains(&function.as_str()) {
            return Volatility::Volatile(function);
        }
        if !FIXED.contains(&function.as_str()) {
            unknown = Some(function);
        }
    }
    unknown.map_or(Volatility::Fixed, Volatility::Unknown)
}

fn not_null_of(words: &Words) -> Option<String> {
    let mut from = 0;
    let mut to = words.len();
    while from < to && words.is(from, &["("]) && words.is(to - 1, &[")"]) {
        from += 1;
        to -= 1;
    }
    let column = words.get(from).to_owned();
    let says = (to - from == 4 && words.is(from + 1, &["is", "not", "null"]))
        || (to - from == 2 && words.is(from + 1, &["notnull"]));
    says.then_some(column)
}

/// Built-in functions whose value differs from row to row.
const VOLATILE: &[&str] = &[
    "random",
    "random_normal",
    "clock_timestamp",
    "timeofday",
    "gen_random_uuid",
    "gen_random_bytes",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuid_generate_v7",
    "uuidv4",
    "uuidv7",
    "nextval",
    "setval",
    "pg_sleep",
    "txid_current",
    "pg_current_xact_id",
];

/// Built-in functions that give one value for a whole statement (immutable and stable ones).
const FIXED: &[&str] = &[
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_setting",
    "current_database",
    "current_schema",
    "current_date",
    "current_timestamp",
    "localtimestamp",
    "timezone",
    "date_trunc",
    "date_part",
    "make_interval",
    "make_date",
    "make_timestamp",
    "make_timestamptz",
    "to_timestamp",
    "to_date",
    "to_char",
    "to_json",
    "to_jsonb",
    "to_tsvector",
    "lower",
    "upper",
    "btrim",
    "ltrim",
    "rtrim",
    "length",
    "char_length",
    "octet_length",
    "md5",
    "encode",
    "decode",
    "concat",
    "concat_ws",
    "format",
    "replace",
    "substr",
    "left",
    "right",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "abs",
    "round",
    "floor",
    "ceil",
    "power",
    "array_append",
    "array_fill",
    "json_build_object",
    "json_build_array",
    "jsonb_build_object",
    "jsonb_build_array",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "point",
    "box",
    "circle",
    "uuid_nil",
    "row",
];
