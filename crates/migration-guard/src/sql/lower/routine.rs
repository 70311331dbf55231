use squawk_syntax::SourceFile;
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::expr::path;
use super::statement::statement;
use super::words::Words;
use crate::sql::model::{CreateFunction, Kind};

pub(super) fn create_function(node: &ast::CreateFunction) -> Kind {
    function(node.syntax(), node.name().and_then(|n| n.path()))
}

pub(super) fn create_procedure(node: &ast::CreateProcedure) -> Kind {
    let name = node.syntax().children().find_map(ast::ProcedureName::cast);
    function(node.syntax(), name.and_then(|n| n.path()))
}

fn function(node: &SyntaxNode, name: Option<ast::Path>) -> Kind {
    let words = Words::of(node);
    let text = node.text().to_string().to_ascii_lowercase();
    Kind::CreateFunction(CreateFunction {
        name: path(name),
        or_replace: words.is(1, &["or", "replace"]),
        security_definer: words.has(&["security", "definer"]),
        sets_search_path: words.has(&["set", "search_path"]),
        dynamic: text.contains("execute ") && !text.contains("execute function"),
    })
}

/// A DO block, its statements as if they stood in the file; what cannot be seen is named.
pub(super) fn anonymous(node: &ast::Do) -> Kind {
    let Some(parsed) = node.plpgsql() else {
        return Kind::Do {
            body: Vec::new(),
            opaque: Some("its language is not plpgsql".to_owned()),
        };
    };
    let mut opaque = None;
    if !parsed.errors().is_empty() {
        opaque = Some("its body does not parse".to_owned());
    }
    let mut body = Vec::new();
    for inner in parsed.syntax().descendants() {
        if let Some(it) = ast::PlpgsqlExecSqlStmt::cast(inner.clone()) {
            body.extend(it.stmt().map(|s| statement(&s)));
        } else if let Some(it) = ast::PlpgsqlDynExecuteStmt::cast(inner.clone()) {
            match it.query().and_then(|q| constant_sql(q.syntax())) {
                Some(kinds) => body.extend(kinds),
                None => opaque = Some("it runs SQL that is put together at run time".to_owned()),
            }
        } else if ast::PlpgsqlForDynStmt::cast(inner.clone()).is_some() {
            opaque = Some("it runs SQL that is put together at run time".to_owned());
        } else if ast::PlpgsqlCommitStmt::cast(inner).is_some() {
            body.push(Kind::Commit);
        }
    }
    Kind::Do { body, opaque }
}

/// The statements of `EXECUTE 'text'` when the text is one plain literal.
fn constant_sql(query: &SyntaxNode) -> Option<Vec<Kind>> {
    let words = Words::of(query);
    if words.len() != 1 {
        return None;
    }
    let text = query
        .descendants()
        .find_map(ast::Literal::cast)?
        .string_value()?;
    let parsed = SourceFile::parse(&text);
    if !parsed.errors().is_empty() {
        return None;
    }
    Some(parsed.tree().stmts().map(|s| statement(&s)).collect())
}
