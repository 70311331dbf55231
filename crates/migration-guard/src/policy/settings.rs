use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use crate::lint::{Fingerprints, clock};
use crate::policy::pattern::fits;
use crate::policy::{Acknowledged, Allow, Baseline};
use crate::{Finding, Lint, Severity, rules};

/// What a team wants to hear.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Policy {
    /// The level of a rule, wherever it is found.
    pub rules: BTreeMap<String, RuleLevel>,
    /// The same for some tables only; of several that fit, the last counts.
    #[cfg_attr(feature = "serde", serde(rename = "override"))]
    pub overrides: Vec<Override>,
    /// Findings that somebody answers for.
    pub allow: Vec<Allow>,
    /// Locks and scans of a table of at most so many bytes are worth a note and no more. Counts
    /// only where the size is known.
    pub small_table_bytes: Option<u64>,
}

/// A level for a rule.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RuleLevel {
    /// Not reported at all.
    Off,
    /// [`Severity::Info`].
    Info,
    /// [`Severity::Warning`].
    Warning,
    /// [`Severity::Error`].
    Error,
    /// [`Severity::Blocker`].
    Blocker,
}

impl RuleLevel {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
            Self::Blocker => Some(Severity::Blocker),
        }
    }
}

/// A level for a rule on some tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Override {
    /// The rule; `*` is each of them, and cannot be [`Off`](RuleLevel::Off).
    pub rule: String,
    /// Tables as findings name them; `*` stands for any characters.
    pub tables: Vec<String>,
    /// The level there.
    pub level: RuleLevel,
}

impl Policy {
    /// Begins to judge what was found, today being `now`.
    pub fn session<'a>(&'a self, baseline: &'a Baseline, now: SystemTime) -> Session<'a> {
        Session {
            policy: self,
            baseline,
            today: clock::day(now),
            used: vec![false; self.allow.len()],
        }
    }

    /// What is wrong with it, each in one sentence: rules that do not exist, days that are none,
    /// exceptions without a reason.
    pub fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        let named = self.rules.keys().map(|rule| (rule, "[rules]"));
        let named = named
            .chain(self.overrides.iter().map(|o| (&o.rule, "[[override]]")))
            .chain(self.allow.iter().map(|a| (&a.rule, "[[allow]]")));
        for (rule, place) in named {
            if !(rules::known(rule) || rule == "*" && place == "[[override]]") {
                found.push(format!("{place}: no rule is called `{rule}`"));
            }
        }
        for it in &self.overrides {
            if it.rule == "*" && it.level == RuleLevel::Off {
                found.push(format!(
                    "[[override]]: `*` cannot be off for {}; name the rules that are meant, or write \
                     `level = \"info\"`",
                    it.tables.join(", ")
                ));
            }
        }
        for allow in &self.allow {
            if allow.reason.trim().is_empty() {
                found.push(format!("[[allow]]: `{}` has no reason", allow.rule));
            }
            if let Some(day) = &allow.until
                && clock::parse(day).is_none()
            {
                found.push(format!(
                    "[[allow]]: `until = \"{day}\"` is no day; write 2027-01-31"
                ));
            }
        }
        found
    }

    /// `None` is off.
    fn severity(&self, finding: &Finding) -> Option<Severity> {
        let mut level = match self.rules.get(&finding.rule) {
            Some(level) => level.severity()?,
            None => self.unless_small(finding),
        };
        if let Some(table) = &finding.table {
            let fitting = self.overrides.iter().rev().find(|o| {
                (o.rule == "*" || o.rule == finding.rule) && o.tables.iter().any(|t| fits(t, table))
            });
            if let Some(fitting) = fitting {
                level = fitting.level.severity()?;
            }
        }
        Some(level)
    }

    /// What is over in a moment hurts nobody; what is lost is lost at any size.
    fn unless_small(&self, finding: &Finding) -> Severity {
        let small = match (self.small_table_bytes, &finding.size) {
            (Some(most), Some(size)) => u64::try_from(size.bytes).is_ok_and(|bytes| bytes <= most),
            _ => false,
        };
        let passes = finding.scan || finding.rewrite || finding.lock.is_some();
        if small && passes && finding.data_loss.is_none() {
            return finding.severity.min(Severity::Info);
        }
        finding.severity
    }
}

/// Applies a [`Policy`] to the findings of some files, and then of others.
#[derive(Debug)]
pub struct Session<'a> {
    policy: &'a Policy,
    baseline: &'a Baseline,
    today: clock::Day,
    /// By exception: whether anything needed it.
    used: Vec<bool>,
}

impl Session<'_> {
    /// Gives findings their levels, and takes those out that somebody answers for; they are in
    /// [`Lint::acknowledged`] then. All findings of one file have to come at once.
    pub fn apply(&mut self, lint: &mut Lint) {
        let mut fingerprints = Fingerprints::default();
        let mut kept = Vec::with_capacity(lint.findings.len());
        for mut finding in std::mem::take(&mut lint.findings) {
            if !self.baseline.is_empty() && self.baseline.knows(&fingerprints.of(&finding)) {
                lint.acknowledged.push(Acknowledged {
                    finding,
                    reason: "it is in the baseline".to_owned(),
                    until: None,
                });
                continue;
            }
            let Some(severity) = self.policy.severity(&finding) else {
                lint.turned_off += 1;
                continue;
            };
            finding.severity = severity;
            match self.allow(&finding) {
                Some(allow) => lint.acknowledged.push(Acknowledged {
                    finding,
                    reason: allow.reason.clone(),
                    until: allow.until.clone(),
                }),
                None => kept.push(finding),
            }
        }
        lint.findings = kept;
    }

    /// The first exception that counts; one that has ended hides none behind it.
    fn allow(&mut self, finding: &Finding) -> Option<&Allow> {
        let all = self.policy.allow.iter().zip(&mut self.used);
        for (allow, used) in all.filter(|(allow, _)| allow.covers(finding)) {
            *used = true;
            if !ended(allow, self.today) {
                return Some(allow);
            }
        }
        None
    }

    /// What is to be said of the exceptions themselves, once everything was applied: those that
    /// have ended, and those that nothing needed. They stand in `file`.
    pub fn finish(self, file: &Path) -> Vec<Finding> {
        let allow = self.policy.allow.iter().zip(self.used);
        allow
            .filter_map(|(allow, used)| complaint(allow, used, self.today))
            .map(|(severity, message)| Finding::about_exception(file, 1, severity, message))
            .collect()
    }
}

fn ended(allow: &Allow, today: clock::Day) -> bool {
    allow
        .until
        .as_deref()
        .is_some_and(|day| clock::parse(day).is_none_or(|day| day < today))
}

fn complaint(allow: &Allow, used: bool, today: clock::Day) -> Option<(Severity, String)> {
    let rule = &allow.rule;
    if !used {
        let message = format!("`{rule}` is allowed here and does not occur");
        return Some((Severity::Info, message));
    }
    if ended(allow, today) {
        let until = allow.until.as_deref().unwrap_or_default();
        let message = format!("`{rule}` was allowed until {until}, so it is no longer");
        return Some((Severity::Warning, message));
    }
    if allow.file.is_none() && allow.table.is_none() {
        let message = format!(
            "`{rule}` is allowed in every file; name one with `file` or `table`, or write `file = \"*\"`"
        );
        return Some((Severity::Warning, message));
    }
    None
}
