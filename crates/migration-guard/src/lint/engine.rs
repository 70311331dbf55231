use std::path::PathBuf;
use std::time::SystemTime;

use crate::lint::clock::{self, Day};
use crate::lint::pieces::{mention, pieces, understood};
use crate::lint::places::Places;
use crate::lint::printable::printable;
use crate::lint::routines::Routines;
use crate::lint::suppress::Suppressions;
use crate::lint::{
    Context, Dialect, Effects, Finding, Hits, LintOptions, Severity, State, UnitContext, effects,
};
use crate::lint::{hygiene, seed};
use crate::rules::{self, Check, Rule, mysql};
use crate::sql::model::Kind;
use crate::sql::{Script, Statement};
use crate::{Acknowledged, Error, Transactional};

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
    /// What was found and is not reported, because somebody answers for it.
    pub acknowledged: Vec<Acknowledged>,
    /// How many findings are not reported because a [`Policy`](crate::Policy) turned their rule off.
    #[cfg_attr(feature = "serde", serde(default))]
    pub turned_off: usize,
    /// The file of the policy, for whoever reads a report.
    #[cfg_attr(feature = "serde", serde(default))]
    pub policy: Option<PathBuf>,
}

impl Lint {
    /// The worst severity, if there is any finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }

    /// What is not reported, in words, if there is anything.
    pub(crate) fn silenced(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.acknowledged.is_empty() {
            parts.push(format!("{} acknowledged", self.acknowledged.len()));
        }
        if self.turned_off > 0 {
            parts.push(format!("{} turned off", self.turned_off));
        }
        if parts.is_empty() {
            return None;
        }
        let policy = self.policy.as_ref().map(|file| file.display().to_string());
        let policy = policy.map(|file| format!(" (policy: {})", printable(&file)));
        Some(parts.join(", ") + &policy.unwrap_or_default())
    }
}

/// Judges `chain` as one sequence of migrations: a table that the chain made itself is empty
/// and unknown to every running release, so nothing is said about it.
///
/// The scripts have to be of `options.dialect`.
///
/// # Errors
/// None today; a dialect that cannot be judged would be one.
pub fn lint(chain: &[Unit], options: &LintOptions) -> Result<Lint, Error> {
    let rules = rules::of(options.dialect);
    let mut schema = mysql::Schema::default();
    let places = Places::of(chain);
    let mut report = Lint::default();
    let mut state = State::begin(options);
    let today = clock::day(options.now.unwrap_or_else(SystemTime::now));
    for (at, unit) in chain.iter().enumerate() {
        state.begin_unit(unit, options);
        schema.begin_unit(&unit.script);
        let last_change = unit
            .script
            .statements()
            .iter()
            .rposition(|s| s.kind.changes_schema());
        let mut allowed = Suppressions::of(&unit.script);
        for (index, statement) in unit.script.statements().iter().enumerate() {
            report.statements += 1;
            let mut found = Vec::new();
            // DO, WITH and routines hold statements of their own: judged one by one.
            let mut called = state.routines.called(&statement.kind);
            let mention = mention(&state.routines, statement, &mut called);
            let pieces = pieces(statement, mention.as_ref(), &called, &state.routines);
            let whole = understood(statement, &pieces, &state.routines);
            report.analysed += usize::from(whole);
            for piece in pieces {
                let kind = state.resolved(piece.kind);
                let kind = kind.as_ref();
                state.conditional = piece.conditional;
                let effects = match options.dialect {
                    Dialect::Postgres => effects(kind, &state),
                    Dialect::MySql => mysql::effects(kind, &schema, &options.mysql_server),
                };
                let context = Context {
                    options,
                    kind,
                    statement,
                    whole: std::ptr::eq(piece.kind, &statement.kind),
                    place: (piece.line, piece.column),
                    index,
                    unit,
                    file: at,
                    places: &places,
                    state: &state,
                    effects: &effects,
                    schema: &schema,
                    last_change,
                };
                judge(rules, &context, &mut found);
                if options.dialect == Dialect::MySql {
                    schema.apply(kind, index, |table| state.is_new(table));
                }
                state.apply(kind, &effects, index);
                watch(&mut state.routines, piece.kind, statement.text());
            }
            if let Kind::Select { functions, .. } = &statement.kind {
                state.hand_over(functions, statement.text());
            }
            // The body of a routine is read as PL/pgSQL.
            if let Kind::CreateFunction(it) = &statement.kind
                && options.dialect == Dialect::Postgres
            {
                state.routines.define(&it.name.name, statement.text());
            }
            keep(found, index, today, &mut allowed, &mut report);
        }
        let context = UnitContext {
            unit,
            state: &state,
        };
        for (index, finding) in judge_unit(rules, &context) {
            keep(vec![finding], index, today, &mut allowed, &mut report);
        }
        report
            .findings
            .extend(hygiene::findings(&unit.script, &allowed.all, today));
    }
    if let Some(snapshot) = &options.snapshot {
        seed::measure(&mut report.findings, snapshot);
    }
    Ok(report)
}

/// Triggers and rules come and go.
fn watch(routines: &mut Routines, kind: &Kind, text: &str) {
    match kind {
        Kind::CreateTrigger { table, fires } | Kind::CreateRule { table, fires } => {
            routines.watch(table, fires, text);
        }
        Kind::Drop(it) => {
            if let Some(table) = &it.on {
                routines.unwatch(table, &it.names);
            }
        }
        _ => {}
    }
}

fn judge(rules: &[Rule], context: &Context<'_>, found: &mut Vec<Finding>) {
    for rule in rules {
        if let Check::Statement(check) = rule.check {
            let mut hits = Hits::default();
            check(context, &mut hits);
            for hit in hits.0 {
                let table = hit.table.clone();
                let mut finding = finding(
                    rule,
                    hit,
                    context.statement,
                    &context.unit.script,
                    context.effects,
                );
                (finding.line, finding.column) = context.place;
                if let (Dialect::MySql, Some(table)) = (context.options.dialect, &table) {
                    mysql::respell(&mut finding, table);
                }
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        }
    }
}

fn judge_unit(rules: &[Rule], context: &UnitContext<'_>) -> Vec<(usize, Finding)> {
    let mut found = Vec::new();
    let statements = context.unit.script.statements();
    for rule in rules {
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
        estimate: None,
        statement: statement.summary(120),
    }
}

fn keep(
    mut found: Vec<Finding>,
    index: usize,
    today: Day,
    allowed: &mut Suppressions,
    report: &mut Lint,
) {
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.rule.cmp(&b.rule))
    });
    for finding in found {
        match allowed.covering(&finding.rule, index, today) {
            Some(allow) => {
                allow.used = true;
                report.acknowledged.push(allow.acknowledges(finding));
            }
            None => report.findings.push(finding),
        }
    }
}
