use crate::lint::suppress::{Suppression, suppressions};
use crate::lint::{
    Context, Dialect, Effects, Finding, Hits, LintOptions, Severity, State, UnitContext, effects,
};
use crate::rules::{self, Check, Rule};
use crate::sql::model::Kind;
use crate::sql::{Script, Statement};
use crate::{Error, ErrorKind, Transactional};

/// One file of a chain, in the order in which the chain runs.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The parsed file.
    pub script: Script,
    /// Whether it runs in one transaction.
    pub transaction: Transactional,
}

/// What the rules have to say about a chain.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Lint {
    /// In the order of the chain, the worst first for one statement.
    pub findings: Vec<Finding>,
    /// Statements in the chain.
    pub statements: usize,
    /// Statements that were understood. Each of the others is a finding, too.
    pub analysed: usize,
}

impl Lint {
    /// The worst severity, if there is any finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }
}

/// Judges `chain` as one sequence of migrations: a table that the chain made itself is empty
/// and unknown to every running release, so nothing is said about it.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a dialect without a parser.
pub fn lint(chain: &[Unit], options: &LintOptions) -> Result<Lint, Error> {
    if options.dialect != Dialect::Postgres {
        return Err(Error::new(ErrorKind::Unsupported, "lint", "MySQL")
            .because("this dialect is not supported yet")
            .with_help("only PostgreSQL migrations can be judged"));
    }
    let mut report = Lint::default();
    let mut state = State::default();
    for (at, unit) in chain.iter().enumerate() {
        state.begin_unit(unit, options);
        let mut allowed = suppressions(&unit.script);
        let later = chain.get(at + 1..).unwrap_or_default();
        for (index, statement) in unit.script.statements().iter().enumerate() {
            report.statements += 1;
            report.analysed += usize::from(statement.is_analysed());
            let mut found = Vec::new();
            // DO and WITH hold statements of their own: judged one by one, at the same place.
            for kind in unfold(&statement.kind) {
                let effects = effects(kind, &state);
                let context = Context {
                    options,
                    kind,
                    statement,
                    index,
                    unit,
                    later,
                    state: &state,
                    effects: &effects,
                };
                judge(&context, &mut found);
                state.apply(kind, &effects, index);
            }
            keep(found, index, &mut allowed, &mut report);
        }
        let context = UnitContext {
            unit,
            state: &state,
        };
        for (index, finding) in judge_unit(&context) {
            keep(vec![finding], index, &mut allowed, &mut report);
        }
        report.findings.extend(hygiene(&unit.script, &allowed));
    }
    Ok(report)
}

fn unfold(kind: &Kind) -> Vec<&Kind> {
    match kind {
        Kind::Do { body, .. } => std::iter::once(kind)
            .chain(body.iter().flat_map(unfold))
            .collect(),
        Kind::Select { writes, .. } if !writes.is_empty() => {
            std::iter::once(kind).chain(writes).collect()
        }
        _ => vec![kind],
    }
}

fn judge(context: &Context<'_>, found: &mut Vec<Finding>) {
    for rule in rules::ALL {
        if let Check::Statement(check) = rule.check {
            let mut hits = Hits::default();
            check(context, &mut hits);
            for hit in hits.0 {
                let finding = finding(
                    rule,
                    hit,
                    context.statement,
                    &context.unit.script,
                    context.effects,
                );
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        }
    }
}

fn judge_unit(context: &UnitContext<'_>) -> Vec<(usize, Finding)> {
    let mut found = Vec::new();
    let statements = context.unit.script.statements();
    for rule in rules::ALL {
        if let Check::Unit(check) = rule.check {
            let mut hits = Hits::default();
            check(context, &mut hits);
            for hit in hits.0 {
                let at = hit.at.unwrap_or(0);
                if let Some(statement) = statements.get(at) {
                    let none = Effects::default();
                    found.push((
                        at,
                        finding(rule, hit, statement, &context.unit.script, &none),
                    ));
                }
            }
        }
    }
    found
}

fn finding(
    rule: &Rule,
    hit: crate::lint::Hit,
    statement: &Statement,
    script: &Script,
    effects: &Effects,
) -> Finding {
    let table = hit.table.as_ref();
    Finding {
        rule: rule.id.to_owned(),
        severity: hit.severity.unwrap_or(rule.severity),
        file: script.path().to_owned(),
        line: statement.line(),
        column: statement.column(),
        message: hit.message,
        why: rule.why.to_owned(),
        help: hit.help,
        lock: hit.lock.or_else(|| table.and_then(|t| effects.on(t))),
        rewrite: table.is_some_and(|t| effects.rewrites(t)),
        scan: table.is_some_and(|t| effects.scans(t)),
        table: table.map(ToString::to_string),
        data_loss: hit.loss,
        size: None,
        statement: statement.summary(120),
    }
}

fn keep(mut found: Vec<Finding>, index: usize, allowed: &mut [Suppression], report: &mut Lint) {
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.rule.cmp(&b.rule))
    });
    for finding in found {
        let allow = allowed
            .iter_mut()
            .find(|s| s.reasoned && s.rule == finding.rule && s.statement == Some(index));
        match allow {
            Some(allow) => allow.used = true,
            None => report.findings.push(finding),
        }
    }
}

fn hygiene(script: &Script, allowed: &[Suppression]) -> Vec<Finding> {
    let say = |s: &Suppression, message: String, severity| Finding {
        rule: "suppression-hygiene".to_owned(),
        severity,
        file: script.path().to_owned(),
        line: s.line,
        column: 1,
        message,
        why: "an exception that nobody can explain stays for ever".to_owned(),
        help: Some("-- ripcord:allow <rule> <why this is safe here>".to_owned()),
        table: None,
        lock: None,
        rewrite: false,
        scan: false,
        data_loss: None,
        size: None,
        statement: String::new(),
    };
    allowed
        .iter()
        .filter_map(|s| {
            if !rules::ALL.iter().any(|r| r.id == s.rule) {
                let message = format!("no rule is called `{}`", s.rule);
                Some(say(s, message, Severity::Warning))
            } else if !s.reasoned {
                let message = format!("`{}` is allowed without a reason, so it is not", s.rule);
                Some(say(s, message, Severity::Warning))
            } else if !s.used {
                let message = format!("`{}` is allowed here and does not occur", s.rule);
                Some(say(s, message, Severity::Info))
            } else {
                None
            }
        })
        .collect()
}
