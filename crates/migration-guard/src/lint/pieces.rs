//! A statement as the list of what it runs: itself, what its body holds, what it calls.

use std::sync::Arc;

use crate::lint::routines::Routines;
use crate::sql::Statement;
use crate::sql::model::Kind;
use crate::sql::plpgsql::Block;

/// One of the things that a statement runs, and where it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) kind: &'a Kind,
    pub(super) line: u32,
    pub(super) column: u32,
    /// Whether something around it decides if it runs, or catches its error.
    pub(super) conditional: bool,
}

/// What `statement` calls inside its expressions; the bodies of that are added to `called`.
pub(super) fn mention(
    routines: &Routines,
    statement: &Statement,
    called: &mut Vec<(String, Arc<Block>)>,
) -> Option<Kind> {
    let known: Vec<&str> = called.iter().map(|(name, _)| name.as_str()).collect();
    let mention = routines.mentioned(statement, &known)?;
    for (name, block) in routines.called(&mention) {
        if !called.iter().any(|(known, _)| *known == name) {
            called.push((name, block));
        }
    }
    Some(mention)
}

/// What `statement` runs, in order, `mention` last. `called` are the bodies of the routines that it calls: their
/// statements stand where the call does.
pub(super) fn pieces<'a>(
    statement: &'a Statement,
    mention: Option<&'a Kind>,
    called: &'a [(String, Arc<Block>)],
    routines: &Routines,
) -> Vec<Piece<'a>> {
    let mut out = Vec::with_capacity(1);
    let mut entered = Vec::new();
    let whole = Piece {
        kind: &statement.kind,
        line: statement.line(),
        column: statement.column(),
        conditional: false,
    };
    unfold(whole, (called, routines), &mut entered, &mut out);
    if let Some(kind) = mention {
        // An expression need not be evaluated.
        let piece = Piece {
            kind,
            conditional: true,
            ..whole
        };
        unfold(piece, (called, routines), &mut entered, &mut out);
    }
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
        // What it fires is a part of it.
        _ => {
            let fired = pieces.iter().skip(1).map(|piece| piece.kind);
            let mut fired = fired.filter(|k| matches!(k, Kind::Unanalysed | Kind::Dynamic));
            statement.is_analysed() && fired.next().is_none()
        }
    }
}

/// A statement and what its body holds, without what it calls.
#[cfg(feature = "test-util")]
pub(crate) fn inside(kind: &Kind) -> Vec<&Kind> {
    let mut out = Vec::new();
    let (line, column) = (0, 0);
    let whole = Piece {
        kind,
        line,
        column,
        conditional: false,
    };
    unfold(
        whole,
        (&[], &Routines::default()),
        &mut Vec::new(),
        &mut out,
    );
    out.into_iter().map(|piece| piece.kind).collect()
}

fn unfold<'a>(
    piece: Piece<'a>,
    known: (&'a [(String, Arc<Block>)], &Routines),
    entered: &mut Vec<String>,
    out: &mut Vec<Piece<'a>>,
) {
    let (called, routines) = known;
    match piece.kind {
        Kind::Several(inner) => {
            for kind in inner {
                unfold(Piece { kind, ..piece }, known, entered, out);
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
                    conditional: piece.conditional || inner.conditional,
                };
                unfold(place, known, entered, out);
            }
        }
        Kind::Select { writes, .. } if !writes.is_empty() => {
            out.push(piece);
            for kind in writes {
                unfold(Piece { kind, ..piece }, known, entered, out);
            }
        }
        _ => out.push(piece),
    }
    if called.is_empty() {
        return;
    }
    for name in routines.names(piece.kind) {
        // A routine that calls itself, or that is called twice, says nothing new.
        if entered.iter().any(|known| known == name) {
            continue;
        }
        entered.push(name.to_owned());
        for (_, block) in called.iter().filter(|(known, _)| known == name) {
            if block.opaque.is_some() {
                out.push(Piece {
                    kind: &Kind::Dynamic,
                    ..piece
                });
            }
            for inner in &block.body {
                let part = Piece {
                    kind: &inner.kind,
                    conditional: piece.conditional || inner.conditional,
                    ..piece
                };
                unfold(part, known, entered, out);
            }
        }
    }
}
