//! Comments that silence rules: `-- ripcord:allow <rule> [until 2027-01-31] <reason>` for the
//! statement it stands before, in, or on the line of; and those of other linters.

use std::collections::HashMap;

use crate::lint::clock::{self, Day};
use crate::lint::peers;
use crate::sql::Script;
use crate::{Acknowledged, Finding};

/// One exception, and whether anything made use of it.
#[derive(Debug)]
pub(crate) struct Suppression {
    pub(crate) rules: Rules,
    pub(crate) line: u32,
    /// Empty if there is none.
    pub(crate) reason: String,
    /// The last day on which it counts.
    pub(crate) until: Until,
    pub(crate) over: Over,
    /// Another tool's comment: nothing is asked of it.
    pub(crate) peer: bool,
    pub(crate) used: bool,
}

/// Which rules are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    All,
    /// Ours, by the name as it was written.
    Named(String),
    /// Ours, for a name of another tool.
    Peers(&'static [&'static str]),
}

/// How long it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Always,
    Day(Day, String),
    /// Not a day.
    Unreadable(String),
}

/// Which statements are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    File,
    /// The statements whose places are in the range; of one statement, its own.
    Statements(std::ops::Range<usize>),
}

impl Suppression {
    /// Whether it silences `rule` at a statement on `today`.
    pub(crate) fn covers(&self, rule: &str, statement: usize, today: Day) -> bool {
        let named = match &self.rules {
            Rules::All => true,
            Rules::Named(name) => name == rule,
            Rules::Peers(names) => names.contains(&rule),
        };
        let here = match &self.over {
            Over::File => true,
            Over::Statements(range) => range.contains(&statement),
        };
        named && here && !self.reason.is_empty() && !self.expired(today) && !self.unreadable()
    }

    /// What is kept of a finding that it silences.
    pub(crate) fn acknowledges(&self, finding: Finding) -> Acknowledged {
        Acknowledged {
            finding,
            reason: self.reason.clone(),
            until: match &self.until {
                Until::Day(_, day) => Some(day.clone()),
                Until::Always | Until::Unreadable(_) => None,
            },
        }
    }

    pub(crate) fn expired(&self, today: Day) -> bool {
        matches!(self.until, Until::Day(day, _) if day < today)
    }

    pub(crate) fn unreadable(&self) -> bool {
        matches!(self.until, Until::Unreadable(_))
    }
}

const MARK: &str = "ripcord:allow";

/// The exceptions of a file, found by statement.
#[derive(Debug, Default)]
pub(crate) struct Suppressions {
    pub(crate) all: Vec<Suppression>,
    /// The places in `all` of those over one statement.
    of_statement: HashMap<usize, Vec<usize>>,
    of_several: Vec<usize>,
}

impl Suppressions {
    pub(crate) fn of(script: &Script) -> Self {
        let mut it = Self {
            all: suppressions(script),
            ..Self::default()
        };
        for (at, one) in it.all.iter().enumerate() {
            match &one.over {
                Over::Statements(range) if range.len() <= 1 => {
                    it.of_statement.entry(range.start).or_default().push(at);
                }
                _ => it.of_several.push(at),
            }
        }
        it
    }

    /// The first that silences `rule` at a statement.
    pub(crate) fn covering(
        &mut self,
        rule: &str,
        statement: usize,
        today: Day,
    ) -> Option<&mut Suppression> {
        let own = self.of_statement.get(&statement).into_iter().flatten();
        let at = own
            .chain(&self.of_several)
            .copied()
            .filter(|at| self.all[*at].covers(rule, statement, today))
            .min()?;
        self.all.get_mut(at)
    }
}

/// Every exception that the comments of `script` make.
fn suppressions(script: &Script) -> Vec<Suppression> {
    if script.comments().is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Suppression> = script
        .comments()
        .iter()
        .filter_map(|(line, text)| own(script, *line, text))
        .collect();
    all.extend(peers::suppressions(script));
    all
}

fn own(script: &Script, line: u32, text: &str) -> Option<Suppression> {
    let rest = text.split_once(MARK)?.1;
    let rest = rest.trim().trim_end_matches("*/").trim();
    let (rule, rest) = word(rest);
    let (until, reason) = match word(rest) {
        ("until", after) => {
            let (day, reason) = word(after);
            let until = match clock::parse(day) {
                Some(parsed) => Until::Day(parsed, day.to_owned()),
                None => Until::Unreadable(day.to_owned()),
            };
            (until, reason)
        }
        _ => (Until::Always, rest),
    };
    Some(Suppression {
        rules: Rules::Named(rule.trim_end_matches(':').to_owned()),
        line,
        reason: reason.trim().to_owned(),
        until,
        over: Over::Statements(covered(script, line)),
        peer: false,
        used: false,
    })
}

/// The first word and what follows it.
pub(super) fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// The statement around `line`, or else the next one.
pub(super) fn covered(script: &Script, line: u32) -> std::ops::Range<usize> {
    let statements = script.statements();
    // The first that does not end above it is around it, or the next.
    let at = statements.partition_point(|s| {
        let lines = s.text().matches('\n').count() as u32;
        s.line() + lines < line
    });
    if at == statements.len() {
        return 0..0;
    }
    at..at + 1
}
