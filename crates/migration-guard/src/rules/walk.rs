//! The parts of a statement that several rules look at.

use crate::lint::{Context, Topic};
use crate::sql::model::{
    Column, Constraint, ConstraintKind, Kind, Name, Object, TableAction, Type,
};

/// The actions of ALTER TABLE on a table that is in use.
pub(super) fn actions<'a>(cx: &Context<'a>) -> Vec<(&'a Name, &'a TableAction)> {
    match cx.kind {
        Kind::AlterTable(it) if it.object == Object::Table && !cx.is_new(&it.table) => {
            it.actions.iter().map(|a| (&it.table, a)).collect()
        }
        _ => Vec::new(),
    }
}

/// The actions of ALTER TABLE on any table.
pub(super) fn all_actions<'a>(cx: &Context<'a>) -> Vec<&'a TableAction> {
    match cx.kind {
        Kind::AlterTable(it) if it.object == Object::Table => it.actions.iter().collect(),
        _ => Vec::new(),
    }
}

/// The columns that are added to a table that is in use.
pub(super) fn added_columns<'a>(cx: &Context<'a>) -> Vec<(&'a Name, &'a Column)> {
    actions(cx)
        .into_iter()
        .filter_map(|(table, action)| match action {
            TableAction::AddColumn { column, .. } => Some((table, column)),
            _ => None,
        })
        .collect()
}

/// The types that columns get, in a new table that stays or an old one: table, column, type.
pub(super) fn all_types<'a>(cx: &Context<'a>) -> Vec<(&'a Name, &'a str, &'a Type)> {
    let made = |table: &'a Name, column: &'a Column| (table, column.name.as_str(), &column.ty);
    match cx.kind {
        Kind::CreateTable(it) if !it.temporary => {
            it.columns.iter().map(|c| made(&it.table, c)).collect()
        }
        Kind::AlterTable(it) => it
            .actions
            .iter()
            .filter_map(|action| match action {
                TableAction::AddColumn { column, .. } => Some(made(&it.table, column)),
                TableAction::SetType { column, ty, .. } => Some((&it.table, column.as_str(), ty)),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Every constraint that a new table or an old one gets, each with its table.
pub(super) fn constraints<'a>(cx: &Context<'a>) -> Vec<(&'a Name, &'a Constraint)> {
    let mut found = Vec::new();
    match cx.kind {
        Kind::CreateTable(it) => {
            let inline = it.columns.iter().flat_map(|c| &c.constraints);
            found.extend(inline.chain(&it.constraints).map(|c| (&it.table, c)));
        }
        Kind::AlterTable(it) => {
            for action in &it.actions {
                match action {
                    TableAction::AddConstraint(c) => found.push((&it.table, c)),
                    TableAction::AddColumn { column, .. } => {
                        found.extend(column.constraints.iter().map(|c| (&it.table, c)));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    found
}

/// A constraint that is added to a table in use; with the column, if it is written at one that
/// is added by the same statement.
pub(super) type Added<'a> = (&'a Name, Option<&'a Column>, &'a Constraint);

pub(super) fn added_constraints<'a>(cx: &Context<'a>) -> Vec<Added<'a>> {
    let mut added = Vec::new();
    for (table, action) in actions(cx) {
        match action {
            TableAction::AddConstraint(constraint) => added.push((table, None, constraint)),
            TableAction::AddColumn { column, .. } => {
                added.extend(column.constraints.iter().map(|c| (table, Some(column), c)));
            }
            _ => {}
        }
    }
    added
}

/// Whether an index that leads with `columns` exists, comes with this statement, or is built
/// later in the chain.
pub(super) fn has_index(cx: &Context<'_>, table: &Name, columns: &[String]) -> bool {
    let leads = |with: &[String]| {
        with.len() >= columns.len() && columns.iter().all(|c| with[..columns.len()].contains(c))
    };
    let known = cx
        .state
        .indexes
        .of(&table.key())
        .any(|(_, i)| !i.partial && leads(&i.columns));
    let key = |c: &Constraint| match &c.kind {
        ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } => {
            leads(columns)
        }
        _ => false,
    };
    let with_table = match cx.kind {
        Kind::CreateTable(it) => {
            it.constraints.iter().any(key)
                || it.columns.iter().flat_map(|c| &c.constraints).any(key)
        }
        _ => false,
    };
    let constrained = cx.state.table(table).is_some_and(|t| {
        t.constraints.values().any(|c| match &c.kind {
            ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } => {
                leads(columns)
            }
            _ => false,
        })
    });
    let built = cx.later_says(table, &Topic::indexes(columns));
    known || with_table || constrained || built
}
