use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::expr::{expr, ident, path, path_ref, ty};
use super::words::Words;
use crate::sql::model::{
    AlterTable, Column, Constraint, ConstraintKind, CreateIndex, CreateTable, ForeignKey, Kind,
    Name, Object, TableAction,
};

pub(super) fn create_table(node: &ast::CreateTable) -> Kind {
    let words = Words::of(node.syntax());
    let mut table = CreateTable {
        table: path(node.table_name().and_then(|t| t.path())),
        if_not_exists: node.if_not_exists().is_some(),
        temporary: temporary(node.persistence()),
        until_commit: until_commit(node.on_commit()),
        unlogged: matches!(node.persistence(), Some(ast::Persistence::Unlogged(_))),
        columns: Vec::new(),
        constraints: Vec::new(),
        like: Vec::new(),
        partition_of: node.partition_of().map(|p| table_ref(p.table_name_ref())),
        default_partition: matches!(
            node.partition_type(),
            Some(ast::PartitionType::PartitionDefault(_))
        ),
        partition_by: node.partition_by().map(|by| {
            by.partition_item_list()
                .map(|list| list.partition_items().map(|i| item(&i)).collect())
                .unwrap_or_default()
        }),
        inherits: node
            .inherits()
            .map(|i| i.table_name_refs().map(|t| table_ref(Some(t))).collect())
            .unwrap_or_default(),
        options: words
            .find(&["with", "("])
            .map(|at| words.text(at, words.len()))
            .unwrap_or_default(),
    };
    let args = node.table_arg_list();
    for arg in args.iter().flat_map(ast::TableArgList::args) {
        match arg {
            ast::TableArg::Column(column) => table.columns.push(create_column(&column)),
            ast::TableArg::LikeClause(like) => table.like.push(path_ref(
                like.relation_name_ref().and_then(|r| r.path_ref()),
            )),
            ast::TableArg::TableConstraint(it) => {
                table.constraints.extend(constraint(it.syntax()));
            }
        }
    }
    Kind::CreateTable(table)
}

pub(super) fn temporary(persistence: Option<ast::Persistence>) -> bool {
    matches!(persistence, Some(ast::Persistence::Temp(_)))
}

/// ON COMMIT DROP.
pub(super) fn until_commit(clause: Option<ast::OnCommit>) -> bool {
    clause.is_some_and(|c| Words::of(c.syntax()).has(&["drop"]))
}

pub(super) fn table_ref(node: Option<ast::TableNameRef>) -> Name {
    path_ref(node.and_then(|t| t.path_ref()))
}

fn create_column(node: &ast::Column) -> Column {
    let name = ident(node.name());
    let constraints = node
        .clauses()
        .filter_map(|clause| match clause {
            ast::ColumnClause::ColumnConstraint(it) => constraint(it.syntax()),
            _ => None,
        })
        .map(|it| of_column(it, &name))
        .collect();
    Column {
        ty: ty(node.ty()),
        constraints,
        name,
    }
}

fn add_column(node: &ast::AddColumn) -> Column {
    let name = ident(node.column_name());
    let constraints = node
        .constraints()
        .filter_map(|it| constraint(it.syntax()))
        .map(|it| of_column(it, &name))
        .collect();
    Column {
        ty: ty(node.ty()),
        constraints,
        name,
    }
}

/// A constraint written at a column is about that column.
fn of_column(mut constraint: Constraint, column: &str) -> Constraint {
    match &mut constraint.kind {
        ConstraintKind::Unique { columns, .. } | ConstraintKind::PrimaryKey { columns, .. } => {
            *columns = vec![column.to_owned()];
        }
        ConstraintKind::ForeignKey(key) => key.columns = vec![column.to_owned()],
        ConstraintKind::NotNull { column: of } => *of = Some(column.to_owned()),
        _ => {}
    }
    constraint
}

pub(super) fn constraint(node: &SyntaxNode) -> Option<Constraint> {
    let it = ast::Constraint::cast(node.clone())?;
    let words = Words::of(node);
    let kind = match &it {
        ast::Constraint::CheckConstraint(c) => ConstraintKind::Check(expr(c.expr())),
        ast::Constraint::DefaultConstraint(c) => ConstraintKind::Default(expr(c.expr())),
        ast::Constraint::ExcludeConstraint(_) => ConstraintKind::Exclude,
        ast::Constraint::NullConstraint(_) => ConstraintKind::Null,
        ast::Constraint::NotNullConstraint(c) => ConstraintKind::NotNull {
            column: c.column_name_ref().map(|n| ident(Some(n))),
        },
        ast::Constraint::UniqueConstraint(c) => ConstraintKind::Unique {
            columns: index_columns(c.index_parameters()),
            using_index: c.using_index().map(|u| using_index(&u)),
        },
        ast::Constraint::PrimaryKeyConstraint(c) => ConstraintKind::PrimaryKey {
            columns: index_columns(c.index_parameters()),
            using_index: c.using_index().map(|u| using_index(&u)),
        },
        ast::Constraint::ForeignKeyConstraint(c) => ConstraintKind::ForeignKey(ForeignKey {
            table: table_ref(c.table_name_ref()),
            columns: c
                .from_columns()
                .map(|l| l.column_name_refs().map(|n| ident(Some(n))).collect())
                .unwrap_or_default(),
            to: c
                .to_columns()
                .map(|l| l.column_name_refs().map(|n| ident(Some(n))).collect())
                .unwrap_or_default(),
            on_delete: on_delete(&words),
            match_full: words.has(&["match", "full"]),
        }),
        ast::Constraint::ReferencesConstraint(c) => ConstraintKind::ForeignKey(ForeignKey {
            table: table_ref(c.table()),
            columns: Vec::new(),
            to: c.column().map(|n| ident(Some(n))).into_iter().collect(),
            on_delete: on_delete(&words),
            match_full: words.has(&["match", "full"]),
        }),
        ast::Constraint::GeneratedConstraint(c) => match c.generated_as()? {
            ast::GeneratedAs::GeneratedIdentity(_) => ConstraintKind::Identity,
            ast::GeneratedAs::GeneratedStored(g) => match g.generated_kind() {
                Some(ast::GeneratedKind::Stored(_)) => ConstraintKind::Stored,
                _ => ConstraintKind::Virtual,
            },
        },
    };
    Some(Constraint {
        name: it.constraint_name().map(|n| ident(Some(n))),
        kind,
        not_valid: it.is_not_valid(),
        not_enforced: words.has(&["not", "enforced"]),
        deferrable: words.has(&["deferrable"]) && !words.has(&["not", "deferrable"]),
        nulls_not_distinct: words.has(&["nulls", "not", "distinct"]),
    })
}

fn using_index(node: &ast::UsingIndexName) -> String {
    path_ref(node.index_ref().and_then(|i| i.path_ref())).name
}

fn index_columns(node: Option<ast::IndexParameters>) -> Vec<String> {
    node.and_then(|p| p.column_list())
        .map(|l| l.column_name_refs().map(|n| ident(Some(n))).collect())
        .unwrap_or_default()
}

fn on_delete(words: &Words) -> Option<String> {
    let at = words.find(&["on", "delete"])?;
    Some(match words.get(at + 2) {
        "set" | "no" => words.text(at + 2, at + 4),
        one => one.to_owned(),
    })
}

pub(super) fn create_index(node: &ast::CreateIndex) -> Kind {
    let target = node.table_relation_name();
    let items: Vec<ast::PartitionItem> = node
        .partition_item_list()
        .map(|l| l.partition_items().collect())
        .unwrap_or_default();
    Kind::CreateIndex(CreateIndex {
        name: node.index().map(|i| path(i.path()).name),
        table: table_ref(target.as_ref().and_then(|t| t.table_name_ref())),
        unique: node.unique_token().is_some(),
        concurrently: node.concurrently_token().is_some(),
        if_not_exists: node.if_not_exists().is_some(),
        only: target.is_some_and(|t| t.only_token().is_some()),
        method: node
            .using_method()
            .map(|m| Words::of(m.syntax()).get(1).to_owned()),
        expressions: items
            .iter()
            .any(|i| !matches!(i.expr(), Some(ast::Expr::NameRef(_)))),
        columns: items.iter().map(item).collect(),
        terms: items.iter().map(term).collect(),
        partial: node.where_clause().is_some(),
        predicate: node
            .where_clause()
            .and_then(|w| w.expr())
            .map(|e| e.syntax().text().to_string()),
        nulls_not_distinct: node
            .nulls_distinct_option()
            .is_some_and(|n| Words::of(n.syntax()).has(&["not"])),
        options: node
            .with_params()
            .map(|w| Words::of(w.syntax()).text(0, usize::MAX))
            .unwrap_or_default(),
    })
}

fn item(node: &ast::PartitionItem) -> String {
    match node.expr() {
        Some(ast::Expr::NameRef(name)) => name.text(),
        Some(other) => format!("({})", Words::of(other.syntax()).text(0, usize::MAX)),
        None => String::new(),
    }
}

fn term(node: &ast::PartitionItem) -> String {
    let expr = node.expr().map(|e| e.syntax().text().to_string());
    let collate = node.collate().map(|c| format!(" {}", c.syntax().text()));
    expr.unwrap_or_default() + &collate.unwrap_or_default()
}

pub(super) fn alter_table(node: &ast::AlterTable) -> Kind {
    if node.all_in_tablespace().is_some() {
        return Kind::Unanalysed;
    }
    Kind::AlterTable(AlterTable {
        table: table_ref(node.table_relation_name().and_then(|t| t.table_name_ref())),
        object: Object::Table,
        if_exists: node.if_exists().is_some(),
        actions: node.actions().map(|a| action(&a)).collect(),
    })
}

pub(super) fn alter_foreign_table(node: &ast::AlterForeignTable) -> Kind {
    Kind::AlterTable(AlterTable {
        table: table_ref(node.table_relation_name().and_then(|t| t.table_name_ref())),
        object: Object::ForeignTable,
        if_exists: node.if_exists().is_some(),
        actions: node.actions().map(|a| action(&a)).collect(),
    })
}

fn action(node: &ast::AlterTableAction) -> TableAction {
    use ast::AlterTableAction as A;
    let words = Words::of(node.syntax());
    let cascade = words.is(words.len().saturating_sub(1), &["cascade"]);
    let last = || words.get(words.len().saturating_sub(1)).to_owned();
    match node {
        A::AddColumn(it) => TableAction::AddColumn {
            column: add_column(it),
            if_not_exists: it.if_not_exists().is_some(),
        },
        A::DropColumn(it) => TableAction::DropColumn {
            column: ident(it.column_name_ref()),
            if_exists: it.if_exists().is_some(),
            cascade,
        },
        A::RenameColumn(it) => TableAction::RenameColumn {
            from: ident(it.column_name_ref()),
            to: ident(it.column_name()),
        },
        A::TableRenameTo(_) => TableAction::RenameTable { to: last() },
        A::RenameConstraint(_) => TableAction::RenameConstraint {
            from: words.get(2).to_owned(),
            to: last(),
        },
        A::SetSchema(_) => TableAction::SetSchema { to: last() },
        A::AddConstraint(it) => it
            .constraint()
            .and_then(|c| constraint(c.syntax()))
            .map_or_else(
                || TableAction::Other("add constraint".to_owned()),
                TableAction::AddConstraint,
            ),
        A::DropConstraint(it) => TableAction::DropConstraint {
            name: path_ref(it.constraint_name_ref().and_then(|c| c.path_ref())).name,
            if_exists: it.if_exists().is_some(),
            cascade,
        },
        A::ValidateConstraint(_) => TableAction::ValidateConstraint { name: last() },
        A::AlterConstraint(_) => TableAction::AlterConstraint,
        A::AlterColumn(it) => alter_column(it, &words),
        A::AttachPartition(it) => TableAction::AttachPartition {
            partition: table_ref(it.table_name_ref()),
            default: matches!(
                it.partition_type(),
                Some(ast::PartitionType::PartitionDefault(_))
            ),
        },
        A::DetachPartition(it) => TableAction::DetachPartition {
            partition: table_ref(it.table_name_ref()),
            concurrently: words.has(&["concurrently"]) || words.has(&["finalize"]),
        },
        A::SetLogged(_) => TableAction::SetLogged { logged: true },
        A::SetUnlogged(_) => TableAction::SetLogged { logged: false },
        A::SetTablespace(_) => TableAction::SetTablespace,
        A::SetAccessMethod(_) => TableAction::SetAccessMethod,
        A::SetOptions(_) | A::ResetOptions(_) => TableAction::SetOptions {
            text: words.text(0, words.len()),
        },
        A::EnableTrigger(_) | A::EnableAlwaysTrigger(_) | A::EnableReplicaTrigger(_) => {
            TableAction::Triggers { enable: true }
        }
        A::DisableTrigger(_) => TableAction::Triggers { enable: false },
        A::EnableRls(_) | A::DisableRls(_) | A::ForceRls(_) | A::NoForceRls(_) => {
            TableAction::RowSecurity
        }
        A::ReplicaIdentity(_) => TableAction::ReplicaIdentity,
        A::InheritTable(it) => TableAction::Inherit {
            parent: table_ref(it.table_name_ref()),
            begins: true,
        },
        A::NoInheritTable(it) => TableAction::Inherit {
            parent: table_ref(it.table_name_ref()),
            begins: false,
        },
        A::OwnerTo(_) => TableAction::OwnerTo,
        A::ClusterOn(_) | A::SetWithoutCluster(_) | A::SetWithoutOids(_) => TableAction::ClusterOn,
        other => TableAction::Other(Words::of(other.syntax()).text(0, 3)),
    }
}

fn alter_column(node: &ast::AlterColumn, words: &Words) -> TableAction {
    use ast::AlterColumnOption as O;
    let column = ident(node.column_name_ref());
    match node.option() {
        Some(O::SetType(it)) => TableAction::SetType {
            column,
            ty: ty(it.ty()),
            collate: it.collate().is_some(),
            using: it
                .using_expr()
                .and_then(|u| u.expr())
                .map(|e| e.syntax().text().to_string()),
        },
        Some(O::SetDefault(it)) => TableAction::SetDefault {
            column,
            value: expr(it.expr()),
        },
        Some(O::DropDefault(_)) => TableAction::DropDefault { column },
        Some(O::SetNotNull(_)) => TableAction::SetNotNull { column },
        Some(O::DropNotNull(_)) => TableAction::DropNotNull { column },
        Some(O::SetExpression(_)) => TableAction::Generated {
            column,
            rewrites: true,
        },
        Some(
            O::DropExpression(_)
            | O::DropIdentity(_)
            | O::AddGenerated(_)
            | O::SetGenerated(_)
            | O::SetGeneratedOptions(_)
            | O::SetSequenceOption(_)
            | O::Restart(_),
        ) => TableAction::Generated {
            column,
            rewrites: false,
        },
        Some(
            O::SetStatistics(_) | O::SetOptions(_) | O::SetOptionsList(_) | O::ResetOptions(_),
        ) => TableAction::ColumnTuning,
        Some(O::SetStorage(_) | O::SetCompression(_)) => TableAction::ColumnStorage,
        _ => TableAction::Other(words.text(0, 4)),
    }
}
