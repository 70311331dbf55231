//! The same replay as the linter's, for those who ask a live server about each statement.

use crate::lint::pieces::{mention, pieces};
use crate::lint::{Effects, LintOptions, State, Unit, effects};
use crate::sql::model::Kind;

/// One statement, or one inside a body, and what the chain has done before it.
#[derive(Debug)]
pub(crate) struct Replayed<'a> {
    pub(crate) unit: &'a Unit,
    /// Line and column in the file, from 1.
    pub(crate) place: (u32, u32),
    pub(crate) kind: &'a Kind,
    pub(crate) state: &'a State,
    pub(crate) effects: &'a Effects,
}

/// Shows `each` every statement of a chain in PostgreSQL's SQL, in its order.
pub(crate) fn replay(chain: &[Unit], options: &LintOptions, mut each: impl FnMut(&Replayed<'_>)) {
    let mut state = State::begin(options);
    for unit in chain {
        state.begin_unit(unit, options);
        for (index, statement) in unit.script.statements().iter().enumerate() {
            let mut called = state.routines.called(&statement.kind);
            let mention = mention(&state.routines, statement, &mut called);
            for piece in pieces(statement, mention.as_ref(), &called, &state.routines) {
                let kind = state.resolved(piece.kind);
                let kind = kind.as_ref();
                state.conditional = piece.conditional;
                let effects = effects(kind, &state);
                each(&Replayed {
                    unit,
                    place: (piece.line, piece.column),
                    kind,
                    state: &state,
                    effects: &effects,
                });
                state.apply(kind, &effects, index);
            }
            if let Kind::CreateFunction(it) = &statement.kind {
                state.routines.define(&it.name.name, statement.text());
            }
        }
    }
}
