//! `-- ripcord:allow <rule> <reason>`: silences one rule for the statement it stands before,
//! in, or on the line of.

use crate::sql::Script;

#[derive(Debug)]
pub(crate) struct Suppression {
    pub(crate) rule: String,
    pub(crate) line: u32,
    pub(crate) reasoned: bool,
    /// The statement it covers.
    pub(crate) statement: Option<usize>,
    pub(crate) used: bool,
}

const MARK: &str = "ripcord:allow";

pub(crate) fn suppressions(script: &Script) -> Vec<Suppression> {
    script
        .comments()
        .iter()
        .filter_map(|(line, text)| {
            let rest = text.split_once(MARK)?.1;
            let rest = rest.trim().trim_end_matches("*/").trim();
            let (rule, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            Some(Suppression {
                rule: rule.trim_end_matches(':').to_owned(),
                line: *line,
                reasoned: !reason.trim().is_empty(),
                statement: covered(script, *line),
                used: false,
            })
        })
        .collect()
}

/// The statement around `line`, or else the next one.
fn covered(script: &Script, line: u32) -> Option<usize> {
    let statements = script.statements();
    let around = statements.iter().position(|s| {
        let lines = s.text().matches('\n').count() as u32;
        (s.line()..=s.line() + lines).contains(&line)
    });
    around.or_else(|| statements.iter().position(|s| s.line() > line))
}
