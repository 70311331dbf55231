//! CHECK with a function whose value changes.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, Kind};

pub(super) const RULE: Rule = Rule {
    id: "check-volatile",
    severity: Severity::Warning,
    why: "rows that were fine break the rule later, and a dump cannot be restored",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let mut checks = Vec::new();
    if let Kind::CreateTable(it) = cx.kind {
        let inline = it.columns.iter().flat_map(|c| &c.constraints);
        checks.extend(inline.chain(&it.constraints).map(|c| (&it.table, c)));
    }
    checks.extend(
        walk::added_constraints(cx)
            .into_iter()
            .map(|(t, _, c)| (t, c)),
    );
    for (table, constraint) in checks {
        if let ConstraintKind::Check(expr) = &constraint.kind {
            let text = expr.text.to_ascii_lowercase();
            let moving = [
                "now(",
                "current_timestamp",
                "current_date",
                "random(",
                "clock_timestamp(",
            ];
            if moving.iter().any(|f| text.contains(f)) {
                hits.add(format!("a CHECK on {table} depends on when it is asked"))
                    .on(table)
                    .help("check in a trigger or in the application");
            }
        }
    }
}
