use crate::lint::{State, Unit, effects};
use crate::sql::Script;
use crate::sql::model::Object;
use crate::sql::model::{
    AlterIndex, Column, Constraint, ConstraintKind, CreateTable, Expr, Kind, TableAction,
    Volatility,
};
use crate::{LintOptions, Transactional};

/// What a statement means for the release that ran before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StatementEffect {
    /// The statement's line in its file, from 1.
    pub line: u32,
    /// The statement on one line, shortened.
    pub statement: String,
    /// The verdict.
    pub effect: Effect,
    /// Why, as a fragment.
    pub reason: String,
}

/// Whether the previous release can live with what a statement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Effect {
    /// On the closed list of additive DDL: the previous release cannot notice it.
    Additive,
    /// It takes away something that the previous release may use.
    Destructive,
    /// Neither proved: treated as if it mattered.
    Other,
}

/// Judges each statement of a chain against the closed list of additive DDL.
///
/// The list, on purpose short: CREATE TABLE without foreign keys to tables that were there
/// before and not as a partition; a non-unique index on plain columns; ADD COLUMN that is
/// nullable or has a constant default, without CHECK, UNIQUE, REFERENCES, identity or
/// generation; CREATE SEQUENCE, SCHEMA, TYPE, VIEW (not OR REPLACE), MATERIALIZED VIEW;
/// COMMENT; GRANT to named roles; column statistics; NOT VALID is *not* on it, for new rows are
/// checked. Everything on tables that the chain itself made is additive. All else is not.
pub fn classify(chain: &[Script]) -> Vec<Vec<StatementEffect>> {
    let mut state = State::default();
    let options = LintOptions::default();
    chain
        .iter()
        .map(|script| {
            let unit = Unit {
                script: script.clone(),
                transaction: Transactional::Yes,
            };
            state.begin_unit(&unit, &options);
            let mut judged = Vec::new();
            for (index, statement) in script.statements().iter().enumerate() {
                let kind = state.resolved(&statement.kind);
                let kind = kind.as_ref();
                let (effect, reason) = effect(kind, &state);
                judged.push(StatementEffect {
                    line: statement.line(),
                    statement: statement.summary(120),
                    effect,
                    reason: reason.to_owned(),
                });
                // What a DO block makes it may make under a condition: not known to be made.
                let locks = effects(kind, &state);
                state.apply(kind, &locks, index);
            }
            judged
        })
        .collect()
}

fn effect(kind: &Kind, state: &State) -> (Effect, &'static str) {
    use Effect::{Additive, Destructive, Other};
    let made_here = |table: &crate::sql::Name| state.made(table);
    match kind {
        Kind::CreateTable(it) => create_table(it, state),
        Kind::CreateTableAs { .. } => (Additive, "a new table"),
        Kind::CreateIndex(it) if made_here(&it.table) => (Additive, "an index on a new table"),
        Kind::CreateIndex(it) if it.unique => (Other, "a new uniqueness that old code may break"),
        Kind::CreateIndex(it) if it.expressions || it.partial => {
            (Other, "an index over an expression can make a write fail")
        }
        Kind::CreateIndex(_) => (Additive, "an index on plain columns"),
        Kind::AlterTable(it) if made_here(&it.table) => (Additive, "a change of a new table"),
        Kind::AlterTable(it) => it
            .actions
            .iter()
            .map(action)
            .max_by_key(|(effect, _)| rank(*effect))
            .unwrap_or((Other, "nothing that is known to be additive")),
        Kind::CreateSequence { .. } => (Additive, "a new sequence"),
        Kind::CreateSchema {
            elements: false, ..
        } => (Additive, "a new schema"),
        Kind::CreateType { .. } => (Additive, "a new type"),
        Kind::CreateView {
            or_replace: false, ..
        } => (Additive, "a new view"),
        Kind::CreateMaterializedView { .. } => (Additive, "a new materialized view"),
        Kind::Comment { .. } => (Additive, "a comment"),
        Kind::Grant {
            revoke: false,
            broad: false,
        } => (Additive, "rights for a named role"),
        Kind::Set { name, .. } if name != "session_replication_role" => {
            (Additive, "a setting of this session")
        }
        Kind::Reset { .. } => (Additive, "a setting of this session"),
        Kind::Begin | Kind::Commit | Kind::Savepoint | Kind::SavepointEnd => {
            (Additive, "transaction control")
        }
        Kind::AlterIndex {
            action: AlterIndex::Tuning,
            ..
        } => (Additive, "tuning"),
        Kind::Analyze { .. } | Kind::Vacuum { full: false, .. } => (Additive, "maintenance"),
        Kind::Reindex { .. } => (Additive, "maintenance"),
        Kind::Harmless => (Additive, "nothing is changed"),
        Kind::Select {
            functions,
            into: None,
            writes,
        } if functions.is_empty() && writes.is_empty() => (Additive, "nothing is changed"),
        Kind::Insert { table, .. }
        | Kind::Update { table, .. }
        | Kind::Delete { table, .. }
        | Kind::Merge { table }
        | Kind::Copy {
            table: Some(table),
            into: true,
        } if made_here(table) => (Additive, "data of a new table"),
        Kind::Drop(it)
            if it.object == Object::Table
                && it.names.iter().all(made_here)
                && !it.cascade
                && !it.names.is_empty() =>
        {
            (Additive, "a new table goes again")
        }
        Kind::Drop(_) => (Destructive, "something is dropped"),
        Kind::Truncate { .. } => (Destructive, "rows are removed"),
        Kind::Delete { .. } => (Destructive, "rows are removed"),
        Kind::Rename { .. } | Kind::SetSchema { .. } => (Destructive, "something has another name"),
        Kind::Insert { .. } | Kind::Update { .. } | Kind::Merge { .. } | Kind::Copy { .. } => {
            (Other, "data of an existing table changes")
        }
        Kind::Select { .. } => (Other, "a function may do anything"),
        Kind::Do { .. } | Kind::Call { .. } => (Other, "code may do anything"),
        Kind::CreateFunction(_) => (Other, "a function may already be in use"),
        Kind::AlterType { .. } => (Other, "old code may not know the value"),
        _ => (Other, "not on the list of additive statements"),
    }
}

fn rank(effect: Effect) -> u8 {
    match effect {
        Effect::Additive => 0,
        Effect::Other => 1,
        Effect::Destructive => 2,
    }
}

fn create_table(it: &CreateTable, state: &State) -> (Effect, &'static str) {
    if it.partition_of.as_ref().is_some_and(|p| !state.made(p)) {
        return (
            Effect::Other,
            "rows of the parent may go to the new partition",
        );
    }
    if !it.inherits.is_empty() {
        return (Effect::Other, "queries over the parent see the new table");
    }
    let inline = it.columns.iter().flat_map(|c| &c.constraints);
    for constraint in inline.chain(&it.constraints) {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind
            && key.table.key() != it.table.key()
            && !state.made(&key.table)
        {
            return (
                Effect::Other,
                "a foreign key keeps old code from deleting rows",
            );
        }
    }
    if it.if_not_exists {
        return (Effect::Additive, "a new table, unless it is there");
    }
    (Effect::Additive, "a new table")
}

fn action(action: &TableAction) -> (Effect, &'static str) {
    use Effect::{Additive, Destructive, Other};
    match action {
        TableAction::AddColumn { column, .. } => add_column(column),
        TableAction::ColumnTuning => (Additive, "tuning"),
        TableAction::ValidateConstraint { .. } => (Additive, "old rows are checked"),
        TableAction::DropColumn { .. } => (Destructive, "a column is dropped"),
        TableAction::RenameColumn { .. }
        | TableAction::RenameTable { .. }
        | TableAction::SetSchema { .. } => (Destructive, "something has another name"),
        TableAction::SetType { .. } => (Other, "a column has another type"),
        TableAction::DropConstraint { .. } | TableAction::DropNotNull { .. } => {
            (Other, "rows may now be what old code does not expect")
        }
        TableAction::SetNotNull { .. } | TableAction::AddConstraint(_) => {
            (Other, "writes of old code may be refused")
        }
        _ => (Other, "not on the list of additive statements"),
    }
}

fn add_column(column: &Column) -> (Effect, &'static str) {
    let constant = |expr: &Expr| expr.volatility == Volatility::Fixed;
    let null = |expr: &Expr| expr.text.trim().eq_ignore_ascii_case("null");
    let serial = column.ty.name.ends_with("serial");
    let required = column
        .constraints
        .iter()
        .any(|c: &Constraint| matches!(c.kind, ConstraintKind::NotNull { .. }));
    let has_default = column.default().is_some_and(|d| constant(d) && !null(d));
    for constraint in &column.constraints {
        match &constraint.kind {
            ConstraintKind::Null | ConstraintKind::NotNull { .. } => {}
            ConstraintKind::Default(expr) if constant(expr) => {}
            ConstraintKind::Default(_) => {
                return (Effect::Other, "the default differs from row to row");
            }
            _ => return (Effect::Other, "a column with a constraint"),
        }
    }
    if serial {
        return (Effect::Other, "the default differs from row to row");
    }
    if required && !has_default {
        return (Effect::Other, "old code cannot insert without the column");
    }
    (Effect::Additive, "a column that old code does not see")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn judge(sql: &str) -> Vec<Effect> {
        let script = Script::parse(Path::new("m.sql"), sql).unwrap();
        classify(&[script])[0].iter().map(|s| s.effect).collect()
    }

    #[test]
    fn the_closed_list_is_additive() {
        for sql in [
            "CREATE TABLE a (id bigint PRIMARY KEY, b text REFERENCES a)",
            "CREATE INDEX i ON t (a, b)",
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "ALTER TABLE t ADD COLUMN c text",
            "ALTER TABLE t ADD COLUMN c text NOT NULL DEFAULT 'x', ADD d timestamptz DEFAULT now()",
            "CREATE SEQUENCE s",
            "CREATE SCHEMA s",
            "CREATE TYPE e AS ENUM ('a')",
            "CREATE VIEW v AS SELECT 1 AS a",
            "COMMENT ON TABLE t IS 'x'",
            "GRANT SELECT ON t TO reader",
            "ALTER TABLE t ALTER COLUMN c SET STATISTICS 500",
        ] {
            assert_eq!(judge(sql), [Effect::Additive], "{sql}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for sql in [
            "CREATE TABLE a (b bigint REFERENCES t)",
            "CREATE UNIQUE INDEX i ON t (a)",
            "CREATE INDEX i ON t (f(a))",
            "CREATE INDEX i ON t (a) WHERE a > 1 / b",
            "ALTER TABLE t ADD COLUMN c text NOT NULL",
            "ALTER TABLE t ADD COLUMN c text NOT NULL DEFAULT NULL",
            "ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()",
            "ALTER TABLE t ADD COLUMN c int CHECK (c > 0)",
            "ALTER TABLE t ADD COLUMN c serial",
            "ALTER TABLE t ADD COLUMN c text, DROP COLUMN d",
            "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID",
            "CREATE OR REPLACE VIEW v AS SELECT 1 AS a",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DO $$ BEGIN CREATE TABLE x (a int); END $$",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1 WHERE b",
            "SELECT f()",
            "CREATE TABLE p1 PARTITION OF t DEFAULT",
            "ALTER TYPE e ADD VALUE 'b'",
            "GRANT ALL ON t TO PUBLIC",
            "CREATE CAST (text AS bigint) WITH INOUT AS IMPLICIT",
            "EXPLAIN ANALYZE DELETE FROM t",
            "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()",
        ] {
            assert_ne!(judge(sql), [Effect::Additive], "{sql}");
        }
    }

    #[test]
    fn what_may_have_been_there_is_not_the_chains_own() {
        for sql in [
            "CREATE TABLE IF NOT EXISTS t (a int); DROP TABLE t",
            "BEGIN; CREATE TABLE t (a int); ROLLBACK; DROP TABLE t",
            "SET search_path = a; CREATE TABLE t (a int); SET search_path = b; DROP TABLE t",
            "SET search_path = a; CREATE TABLE t (a int); DROP TABLE public.t",
            "DO $$ BEGIN IF x() THEN CREATE TABLE t (a int); END IF; END $$; DROP TABLE t",
        ] {
            assert_eq!(judge(sql).last(), Some(&Effect::Destructive), "{sql}");
        }
    }

    #[test]
    fn what_the_chain_made_is_its_own() {
        let judged = judge(
            "CREATE TABLE a (id int); ALTER TABLE a ADD CONSTRAINT u UNIQUE (id);
             INSERT INTO a VALUES (1); CREATE TABLE b (a int REFERENCES a); DROP TABLE b;",
        );
        assert_eq!(judged, [Effect::Additive; 5]);
    }
}
