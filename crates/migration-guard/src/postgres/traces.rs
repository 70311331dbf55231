//! What the order of statements adds to what the catalogue shows: they run one after the other.

use crate::sql::Statement;
use crate::sql::model::{Kind, Object, TableAction};
use crate::{Direction, StatementState};

/// Fills in what cannot be told by itself: before a statement that this run has done, all ran, and
/// after one that it has not, none did.
pub(super) fn in_order(
    statements: &[Statement],
    states: &mut [StatementState],
    direction: Direction,
) {
    use StatementState as S;
    let found = |wanted: S, sure: &dyn Fn(usize) -> bool| -> Vec<usize> {
        let all = states.iter().enumerate();
        all.filter(|(at, s)| **s == wanted && sure(*at))
            .map(|(at, _)| at)
            .collect()
    };
    // A way forward is not begun over what it makes; what a way back makes may have been there.
    let made = |at: usize| direction == Direction::Up && makes(&statements[at].kind);
    let done = found(S::Done, &made).last().copied();
    let missing = |at: usize| stays(&statements[at]) && !is_undone(statements, at);
    let missing = found(S::NotDone, &missing).first().copied();
    for (at, state) in states.iter_mut().enumerate() {
        if *state != S::Unknown {
            continue;
        }
        if done.is_some_and(|done| at < done) {
            *state = S::Done;
        } else if missing.is_some_and(|missing| at > missing) {
            *state = S::NotDone;
        }
    }
}

/// Whether it fails where what it makes is there.
fn makes(kind: &Kind) -> bool {
    match kind {
        Kind::CreateTable(it) => !it.if_not_exists && !it.temporary,
        Kind::CreateIndex(it) => !it.if_not_exists && it.name.is_some(),
        Kind::AlterTable(it) => it.actions.iter().any(|action| {
            matches!(
                action,
                TableAction::AddColumn {
                    if_not_exists: false,
                    ..
                }
            )
        }),
        _ => false,
    }
}

/// Whether what it does can be seen once it has run.
fn stays(statement: &Statement) -> bool {
    match &statement.kind {
        Kind::CreateTable(it) => !it.temporary,
        Kind::Drop(it) => matches!(it.object, Object::Table | Object::Index),
        kind => makes(kind) || matches!(kind, Kind::CreateIndex(_)),
    }
}

/// Whether a later statement may have taken back what the one at `at` does.
fn is_undone(statements: &[Statement], at: usize) -> bool {
    let names: Vec<String> = match &statements[at].kind {
        Kind::CreateTable(it) => vec![it.table.name.clone()],
        Kind::CreateIndex(it) => it.name.iter().chain([&it.table.name]).cloned().collect(),
        Kind::AlterTable(it) => vec![it.table.name.clone()],
        Kind::Drop(it) => it.names.iter().map(|n| n.name.clone()).collect(),
        _ => return true,
    };
    statements[at + 1..].iter().any(|later| {
        if !later.is_analysed() {
            return true;
        }
        let text = later.text().to_lowercase();
        let names_it = || names.iter().any(|name| text.contains(&name.to_lowercase()));
        match &later.kind {
            Kind::Do { .. } | Kind::Call { .. } | Kind::Select { .. } => true,
            Kind::Drop(it) if it.object == Object::Schema => true,
            Kind::Drop(_)
            | Kind::Rename { .. }
            | Kind::SetSchema { .. }
            | Kind::AlterTable(_)
            | Kind::AlterIndex { .. }
            | Kind::CreateTable(_)
            | Kind::CreateIndex(_) => names_it(),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::StatementState as S;
    use crate::sql::Script;

    fn ordered(sql: &str, states: &[S], direction: Direction) -> Vec<S> {
        let script = Script::parse(Path::new("m.sql"), sql).unwrap();
        let mut states = states.to_vec();
        in_order(script.statements(), &mut states, direction);
        states
    }

    #[test]
    fn nothing_ran_after_what_did_not() {
        let sql = "CREATE TABLE a (b int); INSERT INTO a VALUES (1); UPDATE c SET d = 1;";
        assert_eq!(
            ordered(sql, &[S::NotDone, S::Unknown, S::Unknown], Direction::Up),
            [S::NotDone; 3]
        );
        let taken_back = "CREATE TABLE a (b int); INSERT INTO c VALUES (1); DROP TABLE a;";
        let states = [S::NotDone, S::Unknown, S::Done];
        assert_eq!(ordered(taken_back, &states, Direction::Up), states);
    }

    #[test]
    fn all_ran_before_what_this_run_made() {
        let sql = "INSERT INTO a VALUES (1); CREATE INDEX CONCURRENTLY i ON a (b); INSERT INTO a VALUES (2);";
        let states = [S::Unknown, S::Done, S::Unknown];
        assert_eq!(
            ordered(sql, &states, Direction::Up),
            [S::Done, S::Done, S::Unknown]
        );
        assert_eq!(ordered(sql, &states, Direction::Down), states);
        let lenient = sql.replace("CONCURRENTLY i", "CONCURRENTLY IF NOT EXISTS i");
        assert_eq!(ordered(&lenient, &states, Direction::Up), states);
    }
}
