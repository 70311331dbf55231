//! How the server carries out ALTER TABLE: one table for all rules. What it says of MariaDB is
//! proved on a live server in `tests/it/mysql.rs`; what it says of MySQL is the table of online
//! operations in its manual.
//! <https://dev.mysql.com/doc/refman/8.4/en/innodb-online-ddl-operations.html>

use crate::rules::mysql::redefine::redefined;
use crate::rules::mysql::schema::{Schema, Table};
use crate::sql::MySqlServer;
use crate::sql::model::{
    AlterTable, Column, Constraint, ConstraintKind, PartitionChange, TableAction, Volatility,
};

/// From the cheapest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    /// A note in the dictionary.
    Instant,
    /// In the engine, and the rows stay where they are.
    InPlace,
    /// In the engine, every row written anew while others read and write.
    Rebuild,
    /// Row by row into another table.
    Copy,
}

/// What a change costs, and whether writers wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) algorithm: Algorithm,
    pub(crate) writers_wait: bool,
}

pub(super) const INSTANT: Cost = online(Algorithm::Instant);
pub(super) const IN_PLACE: Cost = online(Algorithm::InPlace);
pub(super) const REBUILD: Cost = online(Algorithm::Rebuild);
pub(super) const COPY: Cost = waiting(Algorithm::Copy);

const fn online(algorithm: Algorithm) -> Cost {
    Cost {
        algorithm,
        writers_wait: false,
    }
}

const fn waiting(algorithm: Algorithm) -> Cost {
    Cost {
        algorithm,
        writers_wait: true,
    }
}

impl Cost {
    pub(super) fn worst(self, other: Self) -> Self {
        Self {
            algorithm: self.algorithm.max(other.algorithm),
            writers_wait: self.writers_wait || other.writers_wait,
        }
    }

    pub(crate) fn copies(self) -> bool {
        self.algorithm == Algorithm::Copy
    }

    pub(crate) fn rewrites(self) -> bool {
        self.algorithm >= Algorithm::Rebuild
    }
}

/// The whole statement: as its most expensive action, or as ALGORITHM=COPY asks for.
pub(crate) fn of(it: &AlterTable, schema: &Schema, server: &MySqlServer) -> Cost {
    let stated = |name: &str, value: &str| {
        it.actions.iter().any(
            |a| matches!(a, TableAction::Setting { name: n, value: v } if n == name && v == value),
        )
    };
    let key_again = it.actions.iter().any(|a| {
        matches!(a, TableAction::AddConstraint(c)
            if matches!(c.kind, ConstraintKind::PrimaryKey { .. }))
    });
    let mut cost = it
        .actions
        .iter()
        .map(|action| match action {
            TableAction::DropPrimaryKey if key_again => REBUILD,
            action => of_action(action, it, schema, server),
        })
        .fold(INSTANT, Cost::worst);
    if mixed(it, server) && cost.algorithm == Algorithm::InPlace {
        cost = cost.worst(REBUILD);
    }
    if stated("algorithm", "copy") {
        cost = COPY;
    }
    cost.writers_wait |= stated("lock", "shared") || stated("lock", "exclusive");
    cost
}

/// Whether a change of the rows' layout, INSTANT by itself, comes with one that is not: then the
/// rows are written anew.
pub(crate) fn mixed(it: &AlterTable, server: &MySqlServer) -> bool {
    let layout = it.actions.iter().any(|action| match action {
        TableAction::AddColumn { column, .. } => {
            !column.has(|k| matches!(k, ConstraintKind::Virtual))
        }
        TableAction::DropColumn { .. } => true,
        TableAction::RedefineColumn { column, .. } => {
            column.has(|k| matches!(k, ConstraintKind::Position(_)))
        }
        _ => false,
    });
    let other = it.actions.iter().any(|action| match action {
        TableAction::AddConstraint(c) => matches!(
            c.kind,
            ConstraintKind::Index { .. } | ConstraintKind::Unique { .. }
        ),
        // MariaDB can do this much without.
        TableAction::DropIndex { .. } | TableAction::RenameIndex { .. } => server.may_be_mysql(),
        _ => false,
    });
    layout && other
}

pub(crate) fn of_action(
    action: &TableAction,
    it: &AlterTable,
    schema: &Schema,
    server: &MySqlServer,
) -> Cost {
    let table = schema.table(&it.table);
    match action {
        TableAction::AddColumn { column, .. } => added(column, table, schema, server),
        TableAction::DropColumn { column, .. } => dropped(column, table, server),
        TableAction::RenameColumn { .. } if !server.mysql_has((8, 0, 28)) => IN_PLACE,
        TableAction::RenameIndex { .. } | TableAction::DropConstraint { .. } => noted(server),
        TableAction::RedefineColumn { from, column } => match table.and_then(|t| t.column(from)) {
            Some(old) => redefined(old, column, table, server),
            None => COPY,
        },
        TableAction::AddConstraint(constraint) => constrained(constraint, schema),
        // Its rows are in the order of the key.
        TableAction::DropPrimaryKey => COPY,
        TableAction::DropIndex { .. } => IN_PLACE,
        // ENFORCED: every row is checked.
        TableAction::AlterConstraint => COPY,
        TableAction::ConvertCharset { .. } => COPY,
        TableAction::Setting { name, value } => setting(name, value, table, server),
        TableAction::Partitions { change, .. } => match change {
            PartitionChange::Introduce | PartitionChange::Remove => COPY,
            PartitionChange::Move => waiting(Algorithm::Rebuild),
            _ => IN_PLACE,
        },
        _ => INSTANT,
    }
}

fn added(column: &Column, table: Option<&Table>, schema: &Schema, server: &MySqlServer) -> Cost {
    let has = |wanted: fn(&ConstraintKind) -> bool| column.has(wanted);
    let mut cost = INSTANT;
    if !server.mysql_has((8, 0, 12)) {
        cost = cost.worst(REBUILD);
    }
    if has(|k| matches!(k, ConstraintKind::AutoIncrement)) {
        cost = cost.worst(waiting(Algorithm::Rebuild));
    }
    if has(|k| matches!(k, ConstraintKind::Stored)) {
        cost = cost.worst(COPY);
    }
    if has(|k| matches!(k, ConstraintKind::PrimaryKey { .. })) {
        cost = cost.worst(REBUILD);
    }
    if has(|k| matches!(k, ConstraintKind::Unique { .. })) {
        cost = cost.worst(REBUILD);
    }
    // Another value for each row cannot be a note in the dictionary.
    if column
        .default()
        .is_some_and(|d| d.volatility != Volatility::Fixed)
    {
        cost = cost.worst(COPY);
    }
    if has(|k| matches!(k, ConstraintKind::Check(_))) && server.may_be_mysql() {
        cost = cost.worst(COPY);
    }
    if has(|k| matches!(k, ConstraintKind::ForeignKey(_))) && server.may_be_mariadb() {
        let unchecked = schema.foreign_keys_unchecked;
        cost = cost.worst(if unchecked { IN_PLACE } else { COPY });
    }
    let placed = has(|k| matches!(k, ConstraintKind::Position(_)));
    if placed && !server.mysql_has((8, 0, 29)) {
        cost = cost.worst(REBUILD);
    }
    // What INSTANT refuses.
    let full_text = table.is_some_and(|t| {
        t.indexes
            .iter()
            .any(|i| i.method.as_deref() == Some("fulltext"))
    });
    let compressed = table.is_some_and(|t| t.row_format.as_deref() == Some("compressed"));
    if full_text || compressed {
        cost = cost.worst(REBUILD);
    }
    cost
}

fn dropped(column: &str, table: Option<&Table>, server: &MySqlServer) -> Cost {
    let known = table.and_then(|t| t.column(column));
    let generated = |wanted: fn(&ConstraintKind) -> bool| known.is_some_and(|c| c.has(wanted));
    if generated(|k| matches!(k, ConstraintKind::Virtual)) {
        return INSTANT;
    }
    let stored = generated(|k| matches!(k, ConstraintKind::Stored));
    let indexed = table.is_some_and(|t| t.indexed(column));
    if !server.mysql_has((8, 0, 29)) || (server.may_be_mysql() && (stored || indexed)) {
        return REBUILD;
    }
    if indexed { IN_PLACE } else { INSTANT }
}

fn constrained(constraint: &Constraint, schema: &Schema) -> Cost {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => REBUILD,
        ConstraintKind::Index { method, .. } => match method.as_deref() {
            // The first one also adds a hidden column.
            Some("fulltext") => waiting(Algorithm::Rebuild),
            Some("spatial") => waiting(Algorithm::InPlace),
            Some("vector") => COPY,
            _ => IN_PLACE,
        },
        ConstraintKind::ForeignKey(_) if schema.foreign_keys_unchecked => IN_PLACE,
        ConstraintKind::ForeignKey(_) => COPY,
        ConstraintKind::Check(_) if constraint.not_enforced => IN_PLACE,
        ConstraintKind::Check(_) => COPY,
        _ => IN_PLACE,
    }
}

/// Only the dictionary changes: INPLACE to MySQL, INSTANT to MariaDB.
fn noted(server: &MySqlServer) -> Cost {
    if server.may_be_mysql() {
        IN_PLACE
    } else {
        INSTANT
    }
}

fn setting(name: &str, value: &str, table: Option<&Table>, server: &MySqlServer) -> Cost {
    match name {
        "engine" => {
            let old = table.map(|t| t.engine.as_deref().unwrap_or("innodb"));
            let same = old.unwrap_or("innodb") == value;
            if same && value == "innodb" {
                REBUILD
            } else {
                COPY
            }
        }
        "force" | "row_format" | "key_block_size" => REBUILD,
        "order_by" | "encryption" | "encrypted" | "system_versioning" | "tablespace"
        | "compression" | "page_compressed" => COPY,
        "auto_increment" | "charset" | "collate" => noted(server),
        _ => INSTANT,
    }
}
