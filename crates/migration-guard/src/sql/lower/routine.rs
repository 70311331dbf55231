use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::expr::path;
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
