use squawk_syntax::SourceFile;
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, Stmt};
use squawk_syntax::plpgsql::Plpgsql;

use super::guard::{guarded, is_conditional};
use super::into::without_into;
use crate::sql::depth::too_deep;
use crate::sql::lower;
use crate::sql::model::{Inner, Kind};

/// What a body does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    pub(crate) body: Vec<Inner>,
    /// Why the body as a whole cannot be looked into.
    pub(crate) opaque: Option<String>,
}

impl Block {
    pub(super) fn opaque(why: impl Into<String>) -> Self {
        Self {
            body: Vec::new(),
            opaque: Some(why.into()),
        }
    }
}

/// A DO block, with the places of its statements in the text that `node` is from.
pub(crate) fn anonymous(node: &ast::Do) -> Kind {
    let Block { body, opaque } = block(node);
    Kind::Do { body, opaque }
}

fn block(node: &ast::Do) -> Block {
    let text = node.body().and_then(|body| body.string_value());
    if let Some((_, why)) = text.as_deref().and_then(too_deep) {
        return Block::opaque(format!("its body {why}"));
    }
    match node.plpgsql() {
        Some(parsed) => procedural(&parsed),
        None => Block::opaque("its language is not plpgsql"),
    }
}

/// The statements of a body in PL/pgSQL, in the order in which they stand.
pub(super) fn procedural(parsed: &Plpgsql) -> Block {
    let again;
    let mut readable = parsed;
    if !parsed.errors().is_empty() {
        again = without_variables(parsed.text());
        match &again {
            Some(it) => readable = it,
            None => return Block::opaque("its body does not parse"),
        }
    }
    let mut body = Vec::new();
    let mut may_be_over = false;
    for node in readable.syntax().descendants() {
        let from = body.len();
        add(parsed, &node, &mut body);
        if may_be_over {
            for inner in body.iter_mut().skip(from).filter(|i| !i.conditional) {
                inner.conditional = true;
                inner.kind = guarded(std::mem::replace(&mut inner.kind, Kind::Harmless));
            }
        }
        may_be_over |= ast::PlpgsqlReturnStmt::can_cast(node.kind())
            || ast::PlpgsqlExitStmt::can_cast(node.kind());
    }
    Block { body, opaque: None }
}

/// The body as it parses once INTO is gone; the same bytes are at the same places.
fn without_variables(body: &str) -> Option<Plpgsql> {
    const QUOTE: &str = "$ripcord$";
    if body.contains(QUOTE) {
        return None;
    }
    let text = format!("DO {QUOTE}{}{QUOTE}", without_into(body));
    let parsed = SourceFile::parse(&text)
        .tree()
        .stmts()
        .find_map(|s| match s {
            Stmt::Do(it) => it.plpgsql(),
            _ => None,
        });
    parsed.filter(|p| p.errors().is_empty())
}

fn add(parsed: &Plpgsql, node: &SyntaxNode, out: &mut Vec<Inner>) {
    let place = || place(parsed, node);
    if let Some(kind) = statement(node) {
        push(kind, place(), node, out);
    } else if let Some(query) = executed(node) {
        match constant(query.syntax()) {
            Some(kinds) => kinds.into_iter().for_each(|k| push(k, place(), node, out)),
            None => push(Kind::Dynamic, place(), node, out),
        }
    } else if let Some(it) = ast::PlpgsqlDoStmt::cast(node.clone())
        && let Some(inner) = it.do_()
    {
        nested(&inner, place(), out);
    }
}

/// Where the first word of `node` stands in the text around the body.
fn place(parsed: &Plpgsql, node: &SyntaxNode) -> usize {
    let first = node
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .find(|token| !token.kind().is_trivia());
    let range = first.map_or_else(|| node.text_range(), |token| token.text_range());
    usize::from(parsed.source_range(range).start())
}

fn push(kind: Kind, at: usize, node: &SyntaxNode, out: &mut Vec<Inner>) {
    let conditional = is_conditional(node);
    let kind = if conditional { guarded(kind) } else { kind };
    out.push(Inner {
        at,
        line: 0,
        column: 0,
        kind,
        conditional,
    });
}

/// A block in a block: all of it happens where it stands.
fn nested(node: &ast::Do, at: usize, out: &mut Vec<Inner>) {
    let Block { body, opaque } = block(node);
    if opaque.is_some() {
        push(Kind::Dynamic, at, node.syntax(), out);
    }
    let conditional = is_conditional(node.syntax());
    out.extend(body.into_iter().map(|inner| Inner {
        at,
        conditional: conditional || inner.conditional,
        ..inner
    }));
}

/// The static statement that `node` runs, if it is one.
fn statement(node: &SyntaxNode) -> Option<Kind> {
    if let Some(it) = ast::PlpgsqlExecSqlStmt::cast(node.clone()) {
        return it.stmt().map(|s| lower::statement(&s));
    }
    if let Some(it) = ast::PlpgsqlPerformStmt::cast(node.clone()) {
        return Some(lower::query(it.syntax()));
    }
    if let Some(it) = ast::PlpgsqlCallStmt::cast(node.clone()) {
        return it.call().map(|c| lower::statement(&Stmt::Call(c)));
    }
    if let Some(it) = ast::PlpgsqlReturnQueryStmt::cast(node.clone()) {
        return it.query().map(|s| lower::statement(&s));
    }
    if let Some(it) = ast::PlpgsqlForQueryStmt::cast(node.clone()) {
        return it.query().map(|s| lower::statement(&s));
    }
    if ast::PlpgsqlCommitStmt::cast(node.clone()).is_some() {
        return Some(Kind::Commit);
    }
    if ast::PlpgsqlRollbackStmt::cast(node.clone()).is_some() {
        return Some(Kind::Rollback);
    }
    None
}

/// The expression whose value `node` runs as SQL, if it runs one.
fn executed(node: &SyntaxNode) -> Option<ast::PlpgsqlExpr> {
    if let Some(it) = ast::PlpgsqlDynExecuteStmt::cast(node.clone()) {
        return it.query();
    }
    if let Some(it) = ast::PlpgsqlForDynStmt::cast(node.clone()) {
        return it.query();
    }
    ast::PlpgsqlReturnQueryExecuteStmt::cast(node.clone())?.query()
}

/// The statements of a text of literals only, joined by `||`.
fn constant(query: &SyntaxNode) -> Option<Vec<Kind>> {
    let foreign = query
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| !token.kind().is_trivia())
        .any(|token| {
            let literal = token
                .parent()
                .is_some_and(|p| ast::Literal::can_cast(p.kind()));
            !literal && !matches!(token.text(), "|" | "||")
        });
    if foreign {
        return None;
    }
    let mut text = String::new();
    for literal in query.descendants().filter_map(ast::Literal::cast) {
        text.push_str(&literal.string_value()?);
    }
    if too_deep(&text).is_some() {
        return None;
    }
    let parsed = SourceFile::parse(&text);
    if !parsed.errors().is_empty() {
        return None;
    }
    Some(
        parsed
            .tree()
            .stmts()
            .map(|s| lower::statement(&s))
            .collect(),
    )
}
