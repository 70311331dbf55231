//! A statement that cannot be run twice, outside a transaction.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterType, Kind, Object, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "if-exists-robust",
    severity: Severity::Info,
    why: "if the file stops half-way, it cannot be run again",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if cx.state.in_transaction {
        return;
    }
    // Alone in its file a statement is done or not done; only what people run by hand again
    // is worth a word then. CREATE INDEX CONCURRENTLY answers loudly, and has a rule of its own.
    let alone = cx.unit.script.statements().len() == 1;
    let hit = match cx.kind {
        Kind::CreateIndex(it) if it.concurrently && !it.if_not_exists && it.name.is_some() => {
            if alone {
                return;
            }
            "first: DROP INDEX CONCURRENTLY IF EXISTS"
        }
        Kind::CreateTable(it) if !it.if_not_exists && !it.temporary => "CREATE TABLE IF NOT EXISTS",
        Kind::CreateIndex(it) if !it.if_not_exists && it.name.is_some() => {
            "CREATE INDEX IF NOT EXISTS"
        }
        Kind::CreateSequence {
            if_not_exists: false,
            ..
        } => "CREATE SEQUENCE IF NOT EXISTS",
        Kind::CreateSchema {
            if_not_exists: false,
            ..
        } => "CREATE SCHEMA IF NOT EXISTS",
        Kind::CreateExtension {
            if_not_exists: false,
            ..
        } => "CREATE EXTENSION IF NOT EXISTS",
        Kind::AlterType {
            action:
                AlterType::AddValue {
                    if_not_exists: false,
                    ..
                },
            ..
        } => "ADD VALUE IF NOT EXISTS",
        Kind::Drop(it) if it.if_exists || it.object == Object::Owned => return,
        Kind::Drop(it) if !alone || matches!(it.object, Object::Table | Object::Index) => {
            "DROP … IF EXISTS"
        }
        Kind::AlterTable(it) => {
            let fragile = it.actions.iter().any(|a| match a {
                TableAction::AddColumn { if_not_exists, .. } => !if_not_exists,
                TableAction::DropColumn { if_exists, .. }
                | TableAction::DropConstraint { if_exists, .. } => !if_exists,
                TableAction::AddConstraint(_) => true,
                _ => false,
            });
            // ADD CONSTRAINT has no IF NOT EXISTS; dropping it first does the same.
            let topic = Topic::DropsConstraintIfExists;
            if !fragile || cx.said_before(&it.table, &topic, cx.here()).is_some() {
                return;
            }
            "IF EXISTS and IF NOT EXISTS, or a transaction"
        }
        _ => return,
    };
    hits.add("this statement fails when it is run a second time")
        .help(hit);
}
