//! What is wrong with the exceptions themselves. Those of other linters are theirs to keep tidy.

use std::path::Path;

use crate::lint::clock::Day;
use crate::lint::suppress::{Rules, Suppression, Until};
use crate::lint::{Finding, Severity};
use crate::rules;
use crate::sql::Script;

pub(super) fn findings(script: &Script, allowed: &[Suppression], today: Day) -> Vec<Finding> {
    allowed
        .iter()
        .filter(|s| !s.peer)
        .filter_map(|s| {
            let (severity, message) = complaint(s, today)?;
            Some(Finding::about_exception(
                script.path(),
                s.line,
                severity,
                message,
            ))
        })
        .collect()
}

fn complaint(it: &Suppression, today: Day) -> Option<(Severity, String)> {
    let Rules::Named(rule) = &it.rules else {
        return None;
    };
    if !rules::known(rule) {
        return Some((Severity::Warning, format!("no rule is called `{rule}`")));
    }
    if let Until::Unreadable(day) = &it.until {
        let message = format!("`{rule}` is allowed until `{day}`, which is no day, so it is not");
        return Some((Severity::Warning, message));
    }
    if it.reason.is_empty() {
        let message = format!("`{rule}` is allowed without a reason, so it is not");
        return Some((Severity::Warning, message));
    }
    if let Until::Day(_, day) = &it.until
        && it.expired(today)
    {
        let message = format!("`{rule}` was allowed until {day}, so it is no longer");
        return Some((Severity::Warning, message));
    }
    if !it.used {
        let message = format!("`{rule}` is allowed here and does not occur");
        return Some((Severity::Info, message));
    }
    None
}

impl Finding {
    /// Something is wrong with an exception itself.
    pub(crate) fn about_exception(
        file: &Path,
        line: u32,
        severity: Severity,
        message: String,
    ) -> Self {
        Self {
            rule: "suppression-hygiene".to_owned(),
            severity,
            file: file.to_owned(),
            line,
            column: 1,
            message,
            why: "an exception that nobody can explain stays for ever".to_owned(),
            help: Some(
                "-- ripcord:allow <rule> <why this is safe here>\n\
             -- ripcord:allow <rule> until 2027-01-31 <why this is safe till then>"
                    .to_owned(),
            ),
            table: None,
            lock: None,
            rewrite: false,
            scan: false,
            data_loss: None,
            size: None,
            estimate: None,
            statement: String::new(),
        }
    }
}
