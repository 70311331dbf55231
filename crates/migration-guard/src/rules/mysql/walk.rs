//! The parts of a statement that several rules for MySQL look at.

use crate::lint::Context;
use crate::rules::mysql::schema::{self, Index};
use crate::sql::model::{
    AlterTable, Column, Constraint, ConstraintKind, Kind, Name, Object, TableAction,
};

/// ALTER TABLE, whatever the table.
pub(super) fn alter<'a>(cx: &Context<'a>) -> Option<&'a AlterTable> {
    match cx.kind {
        Kind::AlterTable(it) if it.object == Object::Table => Some(it),
        _ => None,
    }
}

/// ALTER TABLE of a table that the chain did not make.
pub(super) fn alter_in_use<'a>(cx: &Context<'a>) -> Option<&'a AlterTable> {
    alter(cx).filter(|it| !cx.is_new(&it.table))
}

/// How a column comes to be as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Created,
    Added,
    Redefined,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Defined<'a> {
    pub(super) table: &'a Name,
    pub(super) column: &'a Column,
    pub(super) how: How,
    /// What it was before, as far as the chain knows.
    pub(super) was: Option<&'a Column>,
}

/// Every column that the statement defines.
pub(super) fn columns<'a>(cx: &Context<'a>) -> Vec<Defined<'a>> {
    let defined =
        |table: &'a Name, column: &'a Column, how: How, was: Option<&'a Column>| Defined {
            table,
            column,
            how,
            was,
        };
    match cx.kind {
        Kind::CreateTable(it) => it
            .columns
            .iter()
            .map(|c| defined(&it.table, c, How::Created, None))
            .collect(),
        Kind::AlterTable(it) if it.object == Object::Table => it
            .actions
            .iter()
            .filter_map(|action| match action {
                TableAction::AddColumn { column, .. } => {
                    Some(defined(&it.table, column, How::Added, None))
                }
                TableAction::RedefineColumn { from, column } => {
                    let was = cx.schema.column(&it.table, from);
                    Some(defined(&it.table, column, How::Redefined, was))
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Every constraint and index that the statement makes.
pub(super) fn constraints<'a>(cx: &Context<'a>) -> Vec<(&'a Name, &'a Constraint)> {
    let mut found: Vec<_> = columns(cx)
        .into_iter()
        .flat_map(|d| d.column.constraints.iter().map(move |c| (d.table, c)))
        .collect();
    match cx.kind {
        Kind::CreateTable(it) => found.extend(it.constraints.iter().map(|c| (&it.table, c))),
        Kind::AlterTable(it) if it.object == Object::Table => {
            found.extend(it.actions.iter().filter_map(|action| match action {
                TableAction::AddConstraint(c) => Some((&it.table, c)),
                _ => None,
            }));
        }
        _ => {}
    }
    found
}

/// Every index that the statement makes, in its order; the primary key is not one of them.
pub(super) fn indexes<'a>(cx: &Context<'a>) -> Vec<(&'a Name, Index)> {
    constraints(cx)
        .into_iter()
        .filter_map(|(table, c)| Some((table, schema::index(c)?)))
        .collect()
}

/// The columns of a key, whatever sort of key it is.
pub(super) fn key_columns(constraint: &Constraint) -> Option<&[String]> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { columns, .. }
        | ConstraintKind::Unique { columns, .. }
        | ConstraintKind::Index { columns, .. } => Some(columns),
        ConstraintKind::ForeignKey(key) => Some(&key.columns),
        _ => None,
    }
}

/// The value of ALGORITHM, LOCK or a table option of ALTER TABLE.
pub(super) fn setting<'a>(it: &'a AlterTable, wanted: &str) -> Option<&'a str> {
    it.actions.iter().find_map(|action| match action {
        TableAction::Setting { name, value } if name == wanted => Some(value.as_str()),
        _ => None,
    })
}
