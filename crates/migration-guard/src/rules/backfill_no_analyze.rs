//! Many rows are written and nobody tells the planner.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule};
use crate::sql::model::{Filter, Kind};

pub(super) const RULE: Rule = Rule {
    id: "backfill-no-analyze",
    severity: Severity::Info,
    why: "until autovacuum comes by, the planner counts on the values from before",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let table = match cx.kind {
        Kind::Update {
            table,
            filter: Filter::All,
            ..
        }
        | Kind::Insert {
            table,
            from_query: true,
            ..
        }
        | Kind::Copy {
            table: Some(table),
            into: true,
        } => table,
        _ => return,
    };
    let told = [Topic::Analyzes, Topic::Vacuums]
        .iter()
        .any(|topic| cx.rest_says(table, topic) || cx.rest_says_of_all(topic));
    if !told {
        hits.add(format!("the statistics of {table} are from before"))
            .on(table)
            .help(format!("ANALYZE {table}"));
    }
}
