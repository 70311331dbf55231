//! SELECT, INSERT, UPDATE, DELETE: sqlparser reads them.

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, Insert, ObjectName, Query, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Update, Value,
};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::sql::model::{Filter, Kind, Name};
use crate::sql::mysql::parse;
use crate::sql::mysql::reader::{Reader, commas, says};

pub(super) fn read(tokens: &[Token]) -> Option<Kind> {
    statement(tokens).or_else(|| statement(&known_to_sqlparser(tokens)?))
}

fn statement(tokens: &[Token]) -> Option<Kind> {
    let mut parser = Parser::new(&MySqlDialect {}).with_tokens(tokens.to_vec());
    let statement = parser.parse_statement().ok()?;
    if parser.peek_token_ref().token != Token::EOF {
        return None;
    }
    lower(&statement)
}

/// Whether the tokens are a query and nothing else.
pub(super) fn is_query(tokens: &[Token]) -> bool {
    // WITH CHECK OPTION of a view.
    let end = tokens
        .windows(3)
        .position(|w| {
            says(&w[0], "with")
                && (says(&w[1], "check") || says(&w[1], "cascaded") || says(&w[1], "local"))
        })
        .unwrap_or(tokens.len());
    let mut parser = Parser::new(&MySqlDialect {}).with_tokens(tokens[..end].to_vec());
    parser.parse_query().is_ok() && parser.peek_token_ref().token == Token::EOF
}

/// The same in words that sqlparser knows: without ON DUPLICATE KEY UPDATE behind a query, with
/// JOIN for the commas of `UPDATE a, b SET …`.
fn known_to_sqlparser(tokens: &[Token]) -> Option<Vec<Token>> {
    let first = tokens.first()?;
    if says(first, "insert") {
        let end = tokens
            .windows(3)
            .position(|w| says(&w[0], "on") && says(&w[1], "duplicate") && says(&w[2], "key"))?;
        return Some(tokens[..end].to_vec());
    }
    if says(first, "update") {
        let set = tokens.iter().position(|t| says(t, "set"))?;
        let mut depth = 0usize;
        let joined = tokens.iter().enumerate().map(|(at, token)| {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            if at < set && depth == 0 && *token == Token::Comma {
                Token::make_keyword("JOIN")
            } else {
                token.clone()
            }
        });
        return Some(joined.collect());
    }
    None
}

fn lower(statement: &Statement) -> Option<Kind> {
    Some(match statement {
        Statement::Insert(it) => insert(it)?,
        Statement::Update(it) => update(it)?,
        Statement::Delete(it) => delete(it)?,
        Statement::Query(query) => select(query)?,
        _ => return None,
    })
}

fn select(query: &Query) -> Option<Kind> {
    match query.body.as_ref() {
        // WITH … UPDATE, WITH … DELETE.
        SetExpr::Insert(inner) | SetExpr::Update(inner) | SetExpr::Delete(inner) => lower(inner),
        _ => Some(Kind::Select {
            functions: Vec::new(),
            into: None,
            writes: Vec::new(),
        }),
    }
}

fn insert(it: &Insert) -> Option<Kind> {
    let TableObject::TableName(table) = &it.table else {
        return None;
    };
    let query = it
        .source
        .as_ref()
        .is_some_and(|q| !matches!(q.body.as_ref(), SetExpr::Values(_)));
    Some(Kind::Insert {
        table: name(table)?,
        from_query: query,
        sources: Vec::new(),
        explicit_columns: it.columns.iter().filter_map(last).collect(),
    })
}

fn update(it: &Update) -> Option<Kind> {
    let columns = it
        .assignments
        .iter()
        .filter_map(|a| match &a.target {
            AssignmentTarget::ColumnName(name) => last(name),
            AssignmentTarget::Tuple(_) => None,
        })
        .collect();
    let joined = joins(&it.table);
    Some(Kind::Update {
        table: relation(&it.table)?,
        filter: filter(it.selection.as_ref(), joined || it.limit.is_some()),
        columns,
    })
}

fn delete(it: &Delete) -> Option<Kind> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &it.from;
    let first = from.first()?;
    let joined = from.len() > 1 || joins(first) || it.using.is_some();
    let some = filter(it.selection.as_ref(), joined || it.limit.is_some());
    // DELETE a, b FROM a JOIN b: rows of both go. An alias stands for its table.
    let named: Vec<Name> = match it.tables.as_slice() {
        [] => vec![relation(first)?],
        tables => tables
            .iter()
            .map(|t| aliased(from, &last(t)?).or_else(|| name(t)))
            .collect::<Option<_>>()?,
    };
    let mut kinds: Vec<Kind> = named
        .into_iter()
        .map(|table| Kind::Delete {
            table,
            filter: some,
        })
        .collect();
    if kinds.len() == 1 {
        return kinds.pop();
    }
    Some(Kind::Several(kinds))
}

fn aliased(from: &[TableWithJoins], wanted: &str) -> Option<Name> {
    let factors = from
        .iter()
        .flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|j| &j.relation)));
    for factor in factors {
        if let TableFactor::Table {
            name: table,
            alias: Some(alias),
            ..
        } = factor
            && alias.name.value.eq_ignore_ascii_case(wanted)
        {
            return name(table);
        }
    }
    None
}

fn joins(table: &TableWithJoins) -> bool {
    !table.joins.is_empty()
}

fn relation(table: &TableWithJoins) -> Option<Name> {
    match &table.relation {
        TableFactor::Table { name: table, .. } => name(table),
        _ => None,
    }
}

/// A join or a LIMIT takes some of the rows, as a WHERE does that is not always true.
fn filter(selection: Option<&Expr>, narrowed: bool) -> Filter {
    match selection {
        Some(expr) if !always(expr) => Filter::Some,
        _ if narrowed => Filter::Some,
        _ => Filter::All,
    }
}

/// `1`, `true`, `1 = 1`, in parentheses or not.
fn always(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => always(inner),
        Expr::Value(value) => match &value.value {
            Value::Boolean(it) => *it,
            Value::Number(number, _) => number.to_string().parse().is_ok_and(|n: f64| n != 0.0),
            _ => false,
        },
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => matches!((left.as_ref(), right.as_ref()),
            (Expr::Value(a), Expr::Value(b)) if a.value == b.value),
        _ => false,
    }
}

fn last(name: &ObjectName) -> Option<String> {
    Some(name.0.last()?.as_ident()?.value.clone())
}

fn name(object: &ObjectName) -> Option<Name> {
    let mut parts = object
        .0
        .iter()
        .map(|part| part.as_ident().map(|i| i.value.clone()));
    match (parts.next()?, parts.next()) {
        (first, None) => Some(Name::bare(first?)),
        (first, Some(second)) => Some(Name {
            schema: Some(first?),
            name: second?,
        }),
    }
}

/// LOAD DATA and LOAD XML.
pub(super) fn load(reader: &mut Reader<'_>) -> Option<Kind> {
    while !reader.done() {
        if reader.eat_all(&["into", "table"]) {
            return Some(Kind::Copy {
                table: Some(reader.name()?),
                into: true,
            });
        }
        reader.skip(1);
    }
    None
}

/// More text than this is rows.
const LARGE: usize = 64 * 1024;

/// The rows of a large INSERT … VALUES say nothing that a rule asks, so only its head is read.
pub(super) fn large_insert(text: &str) -> Option<Kind> {
    if text.len() < LARGE {
        return None;
    }
    let bytes = text.as_bytes();
    let first = |word: &str| bytes[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    if !first("insert") && !first("replace") {
        return None;
    }
    let end = bytes[..LARGE].windows(6).enumerate().position(|(at, w)| {
        w.eq_ignore_ascii_case(b"values")
            && bytes[at - 1..at]
                .iter()
                .all(|b| b.is_ascii_whitespace() || *b == b')')
    })?;
    let tokens = parse::tokens(text.get(..end)?)?;
    let mut reader = Reader::new(&tokens);
    reader.skip(1);
    while reader.eat_any(&["low_priority", "delayed", "high_priority", "ignore", "into"]) {}
    let table = reader.name()?;
    let mut explicit_columns = Vec::new();
    if reader.is_symbol(&Token::LParen) {
        for part in commas(reader.parens()?) {
            explicit_columns.push(Reader::new(part).ident()?);
        }
    }
    reader.done().then_some(Kind::Insert {
        table,
        from_query: false,
        sources: Vec::new(),
        explicit_columns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sql: &str) -> Option<Kind> {
        read(&parse::tokens(sql)?)
    }

    #[test]
    fn filters_are_known() {
        for (sql, expected) in [
            ("DELETE FROM t", Filter::All),
            ("DELETE FROM t WHERE 1", Filter::All),
            ("DELETE FROM t WHERE (1 = 1)", Filter::All),
            ("DELETE FROM t WHERE 0", Filter::Some),
            ("DELETE FROM t WHERE a = 1", Filter::Some),
            ("DELETE FROM t LIMIT 10", Filter::Some),
            ("DELETE t FROM t JOIN u ON t.a = u.a", Filter::Some),
        ] {
            match kind(sql) {
                Some(Kind::Delete { table, filter }) => {
                    assert_eq!((table.name.as_str(), filter), ("t", expected), "{sql}");
                }
                other => panic!("{sql}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_sqlparser_does_not_know_is_said_in_other_words() {
        assert!(matches!(
            kind("INSERT INTO t SELECT * FROM u ON DUPLICATE KEY UPDATE a = 1"),
            Some(Kind::Insert {
                from_query: true,
                ..
            })
        ));
        assert!(matches!(
            kind("UPDATE a, b SET a.x = 1 WHERE a.i = b.i"),
            Some(Kind::Update {
                filter: Filter::Some,
                ..
            })
        ));
        assert!(matches!(
            kind("DELETE x, u FROM t AS x JOIN u ON x.a = u.a"),
            Some(Kind::Several(two)) if two.len() == 2
        ));
        assert_eq!(kind("DELETE FROM"), None);
    }

    #[test]
    fn of_a_large_insert_only_the_head_is_read() {
        let sql = format!(
            "INSERT INTO `t` (`a`, b) VALUES {}(1)",
            "('it\\'s (('),".repeat(20_000)
        );
        match large_insert(&sql) {
            Some(Kind::Insert {
                table,
                explicit_columns,
                ..
            }) => {
                assert_eq!(table.name, "t");
                assert_eq!(explicit_columns, ["a", "b"]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(large_insert("INSERT INTO t VALUES (1)"), None);
    }
}
