//! Data and schema statements in one file.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "data-in-schema-migration",
    severity: Severity::Info,
    why: "two kinds of risk in one step: it can only be taken back as a whole",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let data = matches!(
        cx.kind,
        Kind::Update { .. } | Kind::Delete { .. } | Kind::Insert { .. } | Kind::Merge { .. }
    );
    let later = cx.last_change.is_some_and(|at| at > cx.index);
    if data && (cx.state.seen.schema_change || later) {
        hits.add("data is changed in a file that also changes the schema")
            .help("two files");
    }
}
