//! A statement as the list of what it runs: itself, what its body holds, what it calls.

use std::sync::Arc;

use crate::lint::routines::{Routines, names};
use crate::sql::Statement;
use crate::sql::model::Kind;
use crate::sql::plpgsql::Block;

/// One of the things that a statement runs, and where it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) kind: &'a Kind,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What `statement` runs, in order. `called` are the bodies of the routines that it calls: their
/// statements stand where the call does.
pub(super) fn pieces<'a>(
    statement: &'a Statement,
    called: &'a [(String, Arc<Block>)],
) -> Vec<Piece<'a>> {
    let mut out = Vec::with_capacity(1);
    let mut entered = Vec::new();
    let whole = Piece {
        kind: &statement.kind,
        line: statement.line(),
        column: statement.column(),
    };
    unfold(whole, called, &mut entered, &mut out);
    out
}

/// Whether everything that a statement runs is understood.
pub(super) fn understood(statement: &Statement, pieces: &[Piece<'_>], routines: &Routines) -> bool {
    match &statement.kind {
        Kind::Do { opaque, .. } if opaque.is_some() => false,
        Kind::Do { .. } | Kind::Call { .. } | Kind::Select { .. } => {
            pieces.iter().all(|piece| match piece.kind {
                Kind::Unanalysed | Kind::Dynamic => false,
                Kind::Call { name } => routines.defines(&name.name),
                _ => true,
            })
        }
        _ => statement.is_analysed(),
    }
}

/// A statement and what its body holds, without what it calls.
#[cfg(feature = "test-util")]
pub(crate) fn inside(kind: &Kind) -> Vec<&Kind> {
    let mut out = Vec::new();
    let (line, column) = (0, 0);
    let whole = Piece { kind, line, column };
    unfold(whole, &[], &mut Vec::new(), &mut out);
    out.into_iter().map(|piece| piece.kind).collect()
}

fn unfold<'a>(
    piece: Piece<'a>,
    called: &'a [(String, Arc<Block>)],
    entered: &mut Vec<&'a str>,
    out: &mut Vec<Piece<'a>>,
) {
    match piece.kind {
        Kind::Several(inner) => {
            for kind in inner {
                unfold(Piece { kind, ..piece }, called, entered, out);
            }
            return;
        }
        Kind::Do { body, .. } => {
            out.push(piece);
            for inner in body {
                let place = Piece {
                    kind: &inner.kind,
                    line: inner.line,
                    column: inner.column,
                };
                unfold(place, called, entered, out);
            }
        }
        Kind::Select { writes, .. } if !writes.is_empty() => {
            out.push(piece);
            out.extend(writes.iter().map(|kind| Piece { kind, ..piece }));
        }
        _ => out.push(piece),
    }
    if called.is_empty() {
        return;
    }
    for name in names(piece.kind) {
        // A routine that calls itself, or that is called twice, says nothing new.
        if entered.contains(&name) {
            continue;
        }
        entered.push(name);
        for (_, block) in called.iter().filter(|(known, _)| known == name) {
            if block.opaque.is_some() {
                out.push(Piece {
                    kind: &Kind::Dynamic,
                    ..piece
                });
            }
            for inner in &block.body {
                let kind = &inner.kind;
                unfold(Piece { kind, ..piece }, called, entered, out);
            }
        }
    }
}
