//! Exceptions that were written for other linters: whoever moves here need not write them again.
//!
//! The names of their rules stand for ours as `tables` say; a name that is in no table silences
//! nothing.

mod atlas;
mod eugene;
mod migrationpilot;
mod pgfence;
mod pgsafe;
mod squawk;

use crate::lint::suppress::{Over, Rules, Suppression, Until, covered};
use crate::sql::Script;

/// A rule of another tool and ours for it.
type Table = &'static [(&'static str, &'static [&'static str])];

/// How a tool spells an exception.
#[derive(Debug)]
struct Peer {
    marks: &'static [(&'static str, Reach)],
    rules: Table,
}

/// What an exception is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Statement,
    File,
    /// The statement, or the file if it stands above everything and apart.
    Header,
}

/// Longer marks first: one is the beginning of another.
const PEERS: &[Peer] = &[
    Peer {
        marks: &[
            ("squawk-ignore-file", Reach::File),
            ("squawk-ignore", Reach::Statement),
        ],
        rules: squawk::RULES,
    },
    Peer {
        marks: &[("eugene: ignore", Reach::Statement)],
        rules: eugene::RULES,
    },
    Peer {
        marks: &[("atlas:nolint", Reach::Header)],
        rules: atlas::RULES,
    },
    Peer {
        marks: &[
            ("pgsafe:ignore-file", Reach::File),
            ("pgsafe:ignore", Reach::Statement),
        ],
        rules: pgsafe::RULES,
    },
    Peer {
        marks: &[
            ("pgfence-ignore", Reach::Statement),
            ("pgfence: ignore", Reach::Statement),
        ],
        rules: pgfence::RULES,
    },
    Peer {
        marks: &[
            ("migrationpilot-disable-file", Reach::File),
            ("migrationpilot-disable", Reach::Statement),
        ],
        rules: migrationpilot::RULES,
    },
];

/// Between these two nothing is said, whatever the rule.
const START: &str = "safety-assured:start";
const END: &str = "safety-assured:end";

/// What the comments of `script` say to other linters.
pub(super) fn suppressions(script: &Script) -> Vec<Suppression> {
    let mut found = Vec::new();
    let mut opened = None;
    for (line, text) in script.comments() {
        let body = body(text);
        if body.starts_with(START) {
            opened = Some(*line);
        } else if body.starts_with(END)
            && let Some(from) = opened.take()
        {
            found.push(silence(from, Rules::All, between(script, from, *line)));
        } else {
            mark(script, *line, body, &mut found);
        }
    }
    found
}

fn mark(script: &Script, line: u32, body: &str, found: &mut Vec<Suppression>) {
    for peer in PEERS {
        let hit = peer
            .marks
            .iter()
            .find_map(|(mark, reach)| Some((body.strip_prefix(mark)?, *reach)));
        let Some((rest, reach)) = hit else {
            continue;
        };
        let over = match reach {
            Reach::File => Over::File,
            Reach::Header if is_header(script, line) => Over::File,
            Reach::Statement | Reach::Header => Over::Statements(covered(script, line)),
        };
        let rest = rest.trim_start_matches(':').trim();
        if rest.is_empty() {
            found.push(silence(line, Rules::All, over));
            return;
        }
        // A reason may follow the names, and what is no name ends them.
        for name in rest.split([',', ' ', '\t']).filter(|n| !n.is_empty()) {
            let Some((_, ours)) = peer.rules.iter().find(|(n, _)| *n == name) else {
                break;
            };
            found.push(silence(line, Rules::Peers(ours), over.clone()));
        }
        return;
    }
}

fn silence(line: u32, rules: Rules, over: Over) -> Suppression {
    Suppression {
        rules,
        line,
        reason: format!("another linter's comment in line {line}"),
        until: Until::Always,
        over,
        peer: true,
        used: false,
    }
}

fn body(comment: &str) -> &str {
    let inner = comment
        .strip_prefix("--")
        .or_else(|| comment.strip_prefix("/*"))
        .unwrap_or(comment);
    inner.trim_end_matches("*/").trim()
}

/// The statements that begin between two lines.
fn between(script: &Script, from: u32, to: u32) -> Over {
    let inside = |line: u32| line > from && line < to;
    let statements = script.statements();
    let first = statements.iter().position(|s| inside(s.line()));
    let last = statements.iter().rposition(|s| inside(s.line()));
    Over::Statements(match (first, last) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
    })
}

/// Whether nothing stands before `line` and an empty line stands below it.
fn is_header(script: &Script, line: u32) -> bool {
    let mut lines = script.text().lines().skip(line as usize - 1);
    let apart = lines.nth(1).is_none_or(|next| next.trim().is_empty());
    apart && script.statements().first().is_none_or(|s| s.line() > line)
}
