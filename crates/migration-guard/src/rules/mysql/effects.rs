use crate::lint::{Effects, LockMode};
use crate::rules::mysql::cost;
use crate::rules::mysql::schema::Schema;
use crate::sql::MySqlServer;
use crate::sql::model::{Kind, Object, TableAction};

/// What `kind` does to tables while it runs, as MySQL's LOCK clause would say it.
pub(crate) fn effects(kind: &Kind, schema: &Schema, server: &MySqlServer) -> Effects {
    let mut out = Effects::default();
    match kind {
        Kind::AlterTable(it) if it.object == Object::Table => {
            let cost = cost::of(it, schema, server);
            let exclusive = it.actions.iter().any(|a| match a {
                TableAction::RenameTable { .. } => true,
                TableAction::Setting { name, value } => name == "lock" && value == "exclusive",
                _ => false,
            });
            let lock = if exclusive {
                LockMode::MySqlExclusive
            } else if cost.writers_wait {
                LockMode::MySqlShared
            } else {
                LockMode::MySqlNone
            };
            out.locks.push((it.table.clone(), lock));
            if cost.rewrites() {
                out.rewrites.push(it.table.clone());
            }
        }
        Kind::Drop(it) if it.object == Object::Table => {
            let locked = it
                .names
                .iter()
                .map(|n| (n.clone(), LockMode::MySqlExclusive));
            out.locks.extend(locked);
        }
        Kind::Truncate { tables, .. } => {
            let locked = tables.iter().map(|t| (t.clone(), LockMode::MySqlExclusive));
            out.locks.extend(locked);
        }
        Kind::LockTable { tables, mode } => {
            let lock = if mode == "write" {
                LockMode::MySqlExclusive
            } else {
                LockMode::MySqlShared
            };
            out.locks.extend(tables.iter().map(|t| (t.clone(), lock)));
        }
        Kind::OptimizeTable { tables } => {
            for table in tables {
                out.locks.push((table.clone(), LockMode::MySqlNone));
                out.rewrites.push(table.clone());
            }
        }
        Kind::Update { table, .. } | Kind::Delete { table, .. } => out.scans.push(table.clone()),
        _ => {}
    }
    out
}
