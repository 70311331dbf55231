use crate::lint::{LintOptions, State, effects};
use crate::{LockMode, Unit};

/// What this crate believes that a statement does to one table, for tests that ask a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The table, with its schema unless that is `public`.
    pub table: String,
    /// The strongest lock.
    pub lock: Option<LockMode>,
    /// Whether every row is written anew.
    pub rewrite: bool,
    /// Whether every row is read.
    pub scan: bool,
}

/// What the statements of the last unit do, by table, after the units before it have run.
pub fn claims(chain: &[Unit]) -> Vec<Claim> {
    let mut state = State::default();
    let mut found: Vec<Claim> = Vec::new();
    let options = LintOptions::default();
    for (at, unit) in chain.iter().enumerate() {
        state.begin_unit(unit, &options);
        for (index, statement) in unit.script.statements().iter().enumerate() {
            for kind in crate::lint::inside(&statement.kind) {
                let effects = effects(kind, &state);
                if at + 1 == chain.len() {
                    for (table, lock) in &effects.locks {
                        add(&mut found, &table.key()).lock = Some(*lock);
                    }
                    for table in &effects.rewrites {
                        add(&mut found, &table.key()).rewrite = true;
                    }
                    for table in &effects.scans {
                        add(&mut found, &table.key()).scan = true;
                    }
                }
                state.apply(kind, &effects, index);
            }
        }
    }
    found
}

fn add<'a>(found: &'a mut Vec<Claim>, table: &str) -> &'a mut Claim {
    let at = found.iter().position(|c| c.table == table);
    let at = at.unwrap_or_else(|| {
        found.push(Claim {
            table: table.to_owned(),
            lock: None,
            rewrite: false,
            scan: false,
        });
        found.len() - 1
    });
    &mut found[at]
}
