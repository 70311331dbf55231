//! Sessions, transactions and settings: what a file begins with and what ends with them.

use crate::lint::guess::Guess;
use crate::lint::state::{Held, Seen};
use crate::lint::{LintOptions, Runner, State, Timeout, Unit, Within, parse_timeout};

impl State {
    /// A new file begins; the session's settings are the runner's again.
    pub(crate) fn begin_unit(&mut self, unit: &Unit, options: &LintOptions) {
        let transaction = match (options.transaction, options.runner) {
            (Some(told), _) => Guess::told(told),
            (None, Runner::Known) => Guess::told(unit.transaction),
            (None, Runner::Unknown) => Guess::from(&unit.script),
        };
        let transaction = Guess::said(&unit.script).unwrap_or(transaction);
        self.discard_temporaries();
        self.dialect = options.dialect;
        self.conditional = false;
        self.in_transaction = transaction == Guess::Yes;
        self.perhaps_in_transaction = transaction == Guess::Perhaps;
        self.opened = None;
        self.unit += 1;
        let set = |d: Option<std::time::Duration>| {
            d.map_or(Timeout::Unset, |d| Timeout::Set(d.as_millis() as u64))
        };
        self.lock_timeout = set(options.lock_timeout);
        self.statement_timeout = set(options.statement_timeout);
        self.of_session = (self.lock_timeout, self.statement_timeout);
        self.at_begin = self.of_session;
        self.end_transaction();
        self.search_path.clear();
        self.path_of_session.clear();
        self.path_at_begin.clear();
        self.altered.clear();
        self.seen = Seen::default();
    }

    /// BEGIN, by the statement at `index`.
    pub(super) fn begin_transaction(&mut self, index: usize) {
        self.in_transaction = true;
        self.opened = Some(index);
        self.at_begin = self.of_session;
        self.path_at_begin.clone_from(&self.path_of_session);
    }

    pub(super) fn commit(&mut self) {
        self.commit_temporaries();
        (self.lock_timeout, self.statement_timeout) = self.of_session;
        self.search_path.clone_from(&self.path_of_session);
        self.in_transaction = false;
        self.opened = None;
        self.end_transaction();
    }

    pub(super) fn roll_back(&mut self) {
        self.roll_back_temporaries();
        self.forget_new();
        self.of_session = self.at_begin;
        self.path_of_session.clone_from(&self.path_at_begin);
        self.commit();
    }

    fn end_transaction(&mut self) {
        self.held = Held::default();
        self.fresh_values.clear();
        self.fresh_quoted.clear();
        self.unvalidated.clear();
    }

    pub(super) fn set(&mut self, name: &str, value: &str, local: bool) {
        let (timeout, of_session) = match name {
            "lock_timeout" => (&mut self.lock_timeout, &mut self.of_session.0),
            "statement_timeout" => (&mut self.statement_timeout, &mut self.of_session.1),
            "search_path" => {
                if local && self.within() == Within::Nothing {
                    return;
                }
                let value = if value == "default" { "" } else { value };
                value.clone_into(&mut self.search_path);
                if !local {
                    value.clone_into(&mut self.path_of_session);
                }
                return;
            }
            _ => return,
        };
        // SET LOCAL outside a transaction does nothing.
        if !local || self.in_transaction {
            *timeout = parse_timeout(value);
        }
        if !local {
            *of_session = *timeout;
        }
    }

    pub(super) fn reset(&mut self, name: &str) {
        let all = matches!(name, "all" | "discard all");
        if all || name == "lock_timeout" {
            self.lock_timeout = Timeout::Unset;
            self.of_session.0 = Timeout::Unset;
        }
        if all || name == "statement_timeout" {
            self.statement_timeout = Timeout::Unset;
            self.of_session.1 = Timeout::Unset;
        }
        if all || matches!(name, "search_path" | "schema") {
            self.search_path.clear();
            self.path_of_session.clear();
        }
        if matches!(name, "discard all" | "discard temp") {
            self.discard_temporaries();
        }
    }
}
