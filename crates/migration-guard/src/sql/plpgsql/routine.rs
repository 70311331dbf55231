use squawk_syntax::ast::{self, AstNode, Stmt};
use squawk_syntax::plpgsql::Plpgsql;
use squawk_syntax::sql_body::SqlBody;
use squawk_syntax::{SourceFile, SyntaxNode};

use super::block::{Block, procedural};
use crate::sql::depth::too_deep;
use crate::sql::lower;
use crate::sql::model::Inner;
use crate::sql::stack::on_large_stack;

/// What the routine does when it is called. `text` is its CREATE FUNCTION or CREATE PROCEDURE.
pub(crate) fn routine(text: &str) -> Block {
    // As deep as the text of a file may be, so may a body: see `Script`.
    on_large_stack(|| read(text)).unwrap_or_else(|_| Block::opaque("its body could not be read"))
}

fn read(text: &str) -> Block {
    let parsed = SourceFile::parse(text);
    for stmt in parsed.tree().stmts() {
        match stmt {
            Stmt::CreateFunction(it) => {
                return judge(it.syntax(), it.plpgsql(), it.sql_body());
            }
            Stmt::CreateProcedure(it) => {
                return judge(it.syntax(), it.plpgsql(), it.sql_body());
            }
            Stmt::CreateRule(it) => {
                let body = it.syntax().descendants().skip(1).filter_map(Stmt::cast);
                return Block {
                    body: body.map(|s| inner(&s)).collect(),
                    opaque: None,
                };
            }
            _ => {}
        }
    }
    Block::opaque("its definition is not understood")
}

/// The place of a routine's body that is nested too deeply to be parsed, and why.
pub(crate) fn too_deep_body(stmt: &Stmt) -> Option<(usize, &'static str)> {
    let node = match stmt {
        Stmt::CreateFunction(it) => it.syntax(),
        Stmt::CreateProcedure(it) => it.syntax(),
        _ => return None,
    };
    node.descendants()
        .filter_map(ast::Literal::cast)
        .find_map(|literal| {
            let (_, why) = too_deep(&literal.string_value()?)?;
            Some((usize::from(literal.syntax().text_range().start()), why))
        })
}

fn judge(node: &SyntaxNode, plpgsql: Option<Plpgsql>, sql: Option<SqlBody>) -> Block {
    match (plpgsql, sql) {
        (Some(body), _) => procedural(&body),
        (None, Some(body)) => statements(&body.syntax(), body.errors().is_empty()),
        (None, None) => own_tree(node),
    }
}

fn statements(root: &SyntaxNode, well_formed: bool) -> Block {
    if !well_formed {
        return Block::opaque("its body does not parse");
    }
    let body = root.children().filter_map(Stmt::cast).map(|s| inner(&s));
    Block {
        body: body.collect(),
        opaque: None,
    }
}

/// BEGIN ATOMIC … END and RETURN: the body is part of the statement's own tree.
fn own_tree(node: &SyntaxNode) -> Block {
    let Some(body) = node.descendants().find_map(ast::RoutineBody::cast) else {
        return Block::opaque("its language is neither sql nor plpgsql");
    };
    let body = body
        .syntax()
        .descendants()
        .filter_map(Stmt::cast)
        .map(|s| inner(&s));
    Block {
        body: body.collect(),
        opaque: None,
    }
}

fn inner(stmt: &Stmt) -> Inner {
    Inner {
        at: usize::from(stmt.syntax().text_range().start()),
        line: 0,
        column: 0,
        kind: lower::statement(stmt),
        conditional: false,
    }
}
