use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, HasWithClause};

use super::expr::{functions, ident, path, path_ref};
use super::table::{table_ref, temporary};
use super::words::Words;
use crate::sql::model::{Filter, Kind, Name};

pub(super) fn update(node: &ast::Update) -> Kind {
    let main = Kind::Update {
        table: relation(node.relation_name()),
        filter: filter(node.where_clause_or_current_of()),
        columns: node
            .set_clause()
            .map(|set| {
                set.syntax()
                    .descendants()
                    .filter_map(ast::ColumnTarget::cast)
                    .map(|target| ident(target.name()))
                    .collect()
            })
            .unwrap_or_default(),
    };
    with_writes(node, main)
}

pub(super) fn delete(node: &ast::Delete) -> Kind {
    let main = Kind::Delete {
        table: relation(node.relation_name()),
        filter: filter(node.where_clause_or_current_of()),
    };
    with_writes(node, main)
}

pub(super) fn insert(node: &ast::Insert) -> Kind {
    let source = node.insert_source();
    let select = match &source {
        Some(ast::InsertSource::SelectVariant(select)) => Some(select.syntax().clone()),
        _ => None,
    };
    let sources = select.as_ref().map(sources).unwrap_or_default();
    let generated = select
        .as_ref()
        .is_some_and(|s| functions(s).iter().any(|f| f == "generate_series"));
    let main = Kind::Insert {
        table: path_ref(node.relation_name_ref().and_then(|r| r.path_ref())),
        from_query: !sources.is_empty() || generated,
        sources,
        explicit_columns: node
            .column_target_list()
            .map(|list| {
                list.syntax()
                    .descendants()
                    .filter_map(ast::ColumnTarget::cast)
                    .map(|target| ident(target.name()))
                    .collect()
            })
            .unwrap_or_default(),
    };
    with_writes(node, main)
}

pub(super) fn merge(node: &ast::Merge) -> Kind {
    let table = node.table_relation_name().and_then(|t| t.table_name_ref());
    Kind::Merge {
        table: table_ref(table),
    }
}

pub(super) fn copy(node: &ast::Copy) -> Kind {
    Kind::Copy {
        table: node.copy_table().map(|t| table_ref(t.table_name_ref())),
        into: matches!(node.copy_direction(), Some(ast::CopyDirection::CopyFrom(_))),
    }
}

/// SELECT in any of its shapes, with the writes that its WITH clause hides.
pub(crate) fn select(node: &SyntaxNode) -> Kind {
    let into = node.descendants().find_map(ast::IntoClause::cast).map(|i| {
        let name = path(i.table_name().and_then(|t| t.path()));
        match temporary(i.persistence()) {
            true => Name::temporary(name.name),
            false => name,
        }
    });
    let mut writes = writes(node);
    writes.extend(settings(node));
    Kind::Select {
        functions: functions(node),
        into,
        writes,
    }
}

/// `set_config` is SET by another name.
fn settings(node: &SyntaxNode) -> Vec<Kind> {
    node.descendants()
        .filter_map(ast::CallExpr::cast)
        .filter_map(|call| setting(&Words::of(call.syntax())))
        .collect()
}

fn setting(call: &Words) -> Option<Kind> {
    let open = call.find(&["("])?;
    let close = call.len().checked_sub(1)?;
    if !call.is(open.checked_sub(1)?, &["set_config"]) {
        return None;
    }
    let literal = call.get(open + 1);
    let named = literal.starts_with('\'') && call.is(open + 2, &[","]);
    // A name that is put together may be any, and this is the one that changes what names mean.
    let name = if named {
        literal.trim_matches('\'')
    } else {
        "search_path"
    };
    let last = (open..close).rev().find(|at| call.is(*at, &[","]))?;
    Some(Kind::Set {
        local: call.is(last + 1, &["true"]),
        name: name.to_owned(),
        value: call.text(open + 3, last).trim_matches('\'').to_owned(),
    })
}

fn with_writes<N: AstNode + HasWithClause>(node: &N, main: Kind) -> Kind {
    let mut hidden = node
        .with_clause()
        .map(|with| writes(with.syntax()))
        .unwrap_or_default();
    if hidden.is_empty() {
        return main;
    }
    hidden.push(main);
    Kind::Select {
        functions: Vec::new(),
        into: None,
        writes: hidden,
    }
}

fn writes(node: &SyntaxNode) -> Vec<Kind> {
    node.descendants()
        .filter_map(ast::WithTable::cast)
        .filter_map(|table| match table.query()? {
            ast::WithQuery::Insert(it) => Some(insert(&it)),
            ast::WithQuery::Update(it) => Some(update(&it)),
            ast::WithQuery::Delete(it) => Some(delete(&it)),
            ast::WithQuery::Merge(it) => Some(merge(&it)),
            _ => None,
        })
        .collect()
}

fn sources(node: &SyntaxNode) -> Vec<Name> {
    node.descendants()
        .filter_map(ast::RelationFromItem::cast)
        .map(|item| path_ref(item.path_ref()))
        .collect()
}

fn relation(node: Option<ast::RelationName>) -> Name {
    path_ref(
        node.and_then(|r| r.relation_name_ref())
            .and_then(|r| r.path_ref()),
    )
}

fn filter(node: Option<ast::WhereClauseOrCurrentOf>) -> Filter {
    match node {
        None => Filter::All,
        Some(ast::WhereClauseOrCurrentOf::WhereCurrentOf(_)) => Filter::Some,
        Some(ast::WhereClauseOrCurrentOf::WhereClause(it)) => {
            let words = Words::of(it.syntax());
            let always = (words.len() == 2 && words.is(1, &["true"]))
                || (words.len() == 4 && words.is(2, &["="]) && words.get(1) == words.get(3));
            if always { Filter::All } else { Filter::Some }
        }
    }
}
