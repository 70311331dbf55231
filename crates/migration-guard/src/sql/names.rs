//! The tables and indexes that a statement names, for whoever has to say which of them are meant.

use crate::sql::model::{Constraint, ConstraintKind, Kind, Name, Object, TableAction};

impl Kind {
    /// Shows `each` every table that the statement names and does not make.
    pub(crate) fn for_each_table(&mut self, each: &mut impl FnMut(&mut Name)) {
        match self {
            Self::CreateTable(it) => {
                it.like.iter_mut().for_each(&mut *each);
                it.partition_of.iter_mut().for_each(&mut *each);
                it.inherits.iter_mut().for_each(&mut *each);
                let inline = it.columns.iter_mut().flat_map(|c| &mut c.constraints);
                for constraint in inline.chain(&mut it.constraints) {
                    referenced(constraint, each);
                }
            }
            Self::AlterTable(it) => {
                each(&mut it.table);
                it.actions.iter_mut().for_each(|a| of_action(a, each));
            }
            Self::CreateIndex(it) => each(&mut it.table),
            Self::Drop(it) => {
                if it.object == Object::Table {
                    it.names.iter_mut().for_each(&mut *each);
                }
                it.on.iter_mut().for_each(each);
            }
            Self::Insert { table, sources, .. } => {
                each(table);
                sources.iter_mut().for_each(each);
            }
            Self::CreateTrigger { table, .. }
            | Self::CreatePolicy { table }
            | Self::ChangePolicy { table }
            | Self::CreateRule { table, .. }
            | Self::Update { table, .. }
            | Self::Delete { table, .. }
            | Self::Merge { table }
            | Self::Comment { table: Some(table) }
            | Self::Cluster { table: Some(table) }
            | Self::Copy {
                table: Some(table), ..
            } => each(table),
            Self::Reindex {
                scope,
                name: Some(name),
                ..
            } if scope == "table" => each(name),
            Self::Truncate { tables, .. }
            | Self::Vacuum { tables, .. }
            | Self::Analyze { tables }
            | Self::LockTable { tables, .. }
            | Self::OptimizeTable { tables } => tables.iter_mut().for_each(each),
            Self::Select { writes: kinds, .. } | Self::Several(kinds) => {
                kinds.iter_mut().for_each(|kind| kind.for_each_table(each));
            }
            _ => {}
        }
    }

    /// The same for indexes.
    pub(crate) fn for_each_index(&mut self, each: &mut impl FnMut(&mut Name)) {
        match self {
            Self::Drop(it) if it.object == Object::Index => it.names.iter_mut().for_each(each),
            Self::AlterIndex { index, .. } => each(index),
            Self::Reindex {
                scope,
                name: Some(name),
                ..
            } if scope == "index" => each(name),
            _ => {}
        }
    }
}

fn of_action(action: &mut TableAction, each: &mut impl FnMut(&mut Name)) {
    match action {
        TableAction::AttachPartition { partition, .. }
        | TableAction::DetachPartition { partition, .. } => each(partition),
        TableAction::Inherit { parent, .. } => each(parent),
        TableAction::AddConstraint(constraint) => referenced(constraint, each),
        TableAction::AddColumn { column, .. } => {
            let constraints = column.constraints.iter_mut();
            constraints.for_each(|c| referenced(c, each));
        }
        _ => {}
    }
}

fn referenced(constraint: &mut Constraint, each: &mut impl FnMut(&mut Name)) {
    if let ConstraintKind::ForeignKey(key) = &mut constraint.kind {
        each(&mut key.table);
    }
}
