use ripcord_rollback::evidence::Preserve;

use super::shape::{Check, Shape};

/// One thing that can be written now and could not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A row of a table that is new, or that has changed in whatever way.
    Row {
        /// The table.
        table: u32,
    },
    /// A row with a value in as many columns as there can be.
    Full {
        /// The table.
        table: u32,
    },
    /// A value in a column that is new.
    NewColumn {
        /// The table.
        table: u32,
        /// The column.
        column: i16,
    },
    /// NULL where it was refused.
    Null {
        /// The table.
        table: u32,
        /// The column.
        column: i16,
    },
    /// A value that the old type does not hold.
    Beyond {
        /// The table.
        table: u32,
        /// The column.
        column: i16,
        /// The old type.
        old: String,
        /// Its length or precision, or -1.
        modifier: i32,
    },
    /// A label that the enumeration did not have.
    Label {
        /// The table.
        table: u32,
        /// The column.
        column: i16,
        /// The label.
        label: String,
    },
    /// A row that a check refused.
    Against {
        /// The table.
        table: u32,
        /// The check that is gone.
        check: Check,
    },
    /// Two rows of which only one was allowed.
    Twice {
        /// The table.
        table: u32,
        /// The columns that were unique.
        columns: Vec<i16>,
    },
    /// A row that refers to nothing.
    Orphan {
        /// The table.
        table: u32,
        /// The columns that referred to something.
        columns: Vec<i16>,
    },
}

/// Everything that `now` lets through and `before` did not. Tables that `hidden` names are left out: they are the
/// migration tool's own.
#[must_use]
pub fn goals(before: &Shape, now: &Shape, hidden: &dyn Fn(&str) -> bool) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (oid, table) in now.tables.iter().filter(|(_, t)| !hidden(&t.name)) {
        let Some(old) = before.tables.get(oid) else {
            goals.push(Goal::Row { table: *oid });
            continue;
        };
        let first = goals.len();
        for (number, column) in &table.columns {
            let at = (*oid, *number);
            let Some(was) = old.columns.get(number) else {
                goals.push(Goal::NewColumn {
                    table: at.0,
                    column: at.1,
                });
                continue;
            };
            if was.required && !column.required {
                goals.push(Goal::Null {
                    table: at.0,
                    column: at.1,
                });
            }
            if was.kind != column.kind {
                goals.push(Goal::Beyond {
                    table: at.0,
                    column: at.1,
                    old: was.kind.clone(),
                    modifier: was.modifier,
                });
            }
            let known = before.labels.get(&was.type_oid);
            if let (Some(known), Some(labels)) = (known, now.labels.get(&column.type_oid)) {
                goals.extend(labels.iter().filter(|l| !known.contains(l)).map(|label| {
                    Goal::Label {
                        table: at.0,
                        column: at.1,
                        label: label.clone(),
                    }
                }));
            }
        }
        let there = |columns: &[i16]| columns.iter().all(|c| table.columns.contains_key(c));
        for check in old.checks.difference(&table.checks) {
            if there(&check.columns) {
                goals.push(Goal::Against {
                    table: *oid,
                    check: check.clone(),
                });
            }
        }
        for columns in old.unique.difference(&table.unique) {
            if there(columns) {
                goals.push(Goal::Twice {
                    table: *oid,
                    columns: columns.clone(),
                });
            }
        }
        for reference in old.references.difference(&table.references) {
            if there(&reference.columns) {
                goals.push(Goal::Orphan {
                    table: *oid,
                    columns: reference.columns.clone(),
                });
            }
        }
        let changed = goals.len() > first
            || old.columns.len() != table.columns.len()
            || old.checks != table.checks
            || old.unique != table.unique
            || old.references != table.references
            || old.columns != table.columns;
        if changed {
            goals.insert(first, Goal::Row { table: *oid });
        }
    }
    goals
}

/// Values for tables and columns that are going to be preserved.
pub(crate) fn writes_into(now: &Shape, preserve: &[Preserve]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for one in preserve {
        let Some((oid, table)) = now.tables.iter().find(|(_, t)| t.name == one.table) else {
            continue;
        };
        match &one.columns {
            None => goals.push(Goal::Full { table: *oid }),
            Some(names) => goals.extend(
                table
                    .columns
                    .iter()
                    .filter(|(_, column)| names.contains(&column.name))
                    .map(|(number, _)| Goal::NewColumn {
                        table: *oid,
                        column: *number,
                    }),
            ),
        }
    }
    goals
}
